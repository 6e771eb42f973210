package com.example.whalelog.core;

import java.time.Clock;
import java.time.LocalDate;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.commons.lang3.StringUtils;
import org.springframework.stereotype.Service;

@Service
public class SightingLog {

    private final SightingRepository repository;
    private final Clock clock;

    public SightingLog(SightingRepository repository, Clock clock) {
        this.repository = repository;
        this.clock = clock;
    }

    /** Notes what is seen today. Runs of spaces in the place's name become one. */
    public Sighting note(Species species, String place, int animals) {
        LocalDate today = LocalDate.now(clock);
        return repository.add(id -> new Sighting(id, species, today, StringUtils.normalizeSpace(place), animals));
    }

    public Optional<Sighting> find(long id) {
        return repository.find(id);
    }

    public List<Sighting> all() {
        return repository.all();
    }

    /** Animals seen of each species; species that nobody saw are left out. */
    public Map<Species, Integer> animalsBySpecies() {
        Map<Species, Integer> counts = new EnumMap<>(Species.class);
        for (Sighting sighting : repository.all()) {
            counts.merge(sighting.species(), sighting.animals(), Integer::sum);
        }
        return counts;
    }
}
