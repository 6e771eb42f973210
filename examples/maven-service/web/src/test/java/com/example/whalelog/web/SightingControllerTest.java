package com.example.whalelog.web;

import static org.springframework.test.web.servlet.request.MockMvcRequestBuilders.get;
import static org.springframework.test.web.servlet.request.MockMvcRequestBuilders.post;
import static org.springframework.test.web.servlet.result.MockMvcResultMatchers.header;
import static org.springframework.test.web.servlet.result.MockMvcResultMatchers.jsonPath;
import static org.springframework.test.web.servlet.result.MockMvcResultMatchers.status;

import com.example.whalelog.core.InMemorySightingRepository;
import com.example.whalelog.core.SightingLog;
import com.example.whalelog.core.Species;
import java.time.Clock;
import org.junit.jupiter.api.Test;
import org.springframework.http.MediaType;
import org.springframework.test.web.servlet.MockMvc;
import org.springframework.test.web.servlet.setup.MockMvcBuilders;

class SightingControllerTest {

    private final SightingLog log = new SightingLog(new InMemorySightingRepository(), Clock.systemUTC());
    private final MockMvc mvc = MockMvcBuilders.standaloneSetup(new SightingController(log)).build();

    @Test
    void notesASighting() throws Exception {
        mvc.perform(post("/sightings")
                        .contentType(MediaType.APPLICATION_JSON)
                        .content("""
                                {"species": "SPERM_WHALE", "place": "Pico", "animals": 4}"""))
                .andExpect(status().isCreated())
                .andExpect(header().string("Location", "/sightings/1"))
                .andExpect(jsonPath("$.species").value("SPERM_WHALE"));

        mvc.perform(get("/sightings/1"))
                .andExpect(status().isOk())
                .andExpect(jsonPath("$.place").value("Pico"));
    }

    @Test
    void refusesASightingOfNothing() throws Exception {
        mvc.perform(post("/sightings")
                        .contentType(MediaType.APPLICATION_JSON)
                        .content("""
                                {"species": "ORCA", "place": "Tarifa", "animals": 0}"""))
                .andExpect(status().isBadRequest());
    }

    @Test
    void answersNotFound() throws Exception {
        mvc.perform(get("/sightings/7")).andExpect(status().isNotFound());
    }

    @Test
    void addsUpSpecies() throws Exception {
        log.note(Species.ORCA, "Tarifa", 7);
        log.note(Species.ORCA, "Tromsø", 9);

        mvc.perform(get("/sightings/by-species")).andExpect(jsonPath("$.ORCA").value(16));
    }
}
