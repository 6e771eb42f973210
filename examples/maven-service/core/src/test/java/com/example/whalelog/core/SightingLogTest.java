package com.example.whalelog.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Clock;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SightingLogTest {

    private final Clock clock = Clock.fixed(Instant.parse("2026-07-16T09:30:00Z"), ZoneOffset.UTC);
    private final SightingLog log = new SightingLog(new InMemorySightingRepository(), clock);

    @Test
    void notesWhatIsSeenToday() {
        Sighting noted = log.note(Species.SPERM_WHALE, "Pico", 4);

        assertThat(noted).isEqualTo(new Sighting(1, Species.SPERM_WHALE, LocalDate.of(2026, 7, 16), "Pico", 4));
        assertThat(log.find(1)).contains(noted);
        assertThat(log.find(2)).isEmpty();
    }

    @Test
    void keepsTheOrder() {
        log.note(Species.ORCA, "Tarifa", 7);
        log.note(Species.FIN_WHALE, "Sylt", 1);

        assertThat(log.all()).extracting(Sighting::place).containsExactly("Tarifa", "Sylt");
    }

    @Test
    void tidiesThePlace() {
        assertThat(log.note(Species.ORCA, " Cape  Town ", 3).place()).isEqualTo("Cape Town");
    }

    @Test
    void addsUpSpecies() {
        log.note(Species.ORCA, "Tarifa", 7);
        log.note(Species.SPERM_WHALE, "Pico", 4);
        log.note(Species.ORCA, "Tromsø", 9);

        assertThat(log.animalsBySpecies()).isEqualTo(Map.of(Species.ORCA, 16, Species.SPERM_WHALE, 4));
    }

    @Test
    void refusesASightingOfNothing() {
        assertThatIllegalArgumentException().isThrownBy(() -> log.note(Species.ORCA, "Tarifa", 0));
        assertThat(log.all()).isEmpty();
    }
}
