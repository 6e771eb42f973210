package com.example.whalelog.web;

import com.example.whalelog.core.Sighting;
import com.example.whalelog.core.SightingLog;
import com.example.whalelog.core.Species;
import jakarta.validation.Valid;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Positive;
import java.net.URI;
import java.util.List;
import java.util.Map;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;

@RestController
@RequestMapping("/sightings")
public class SightingController {

    /** What a client sends; day and id are ours. */
    public record NewSighting(@NotNull Species species, @NotBlank String place, @Positive int animals) {}

    private final SightingLog log;

    public SightingController(SightingLog log) {
        this.log = log;
    }

    @GetMapping
    public List<Sighting> all() {
        return log.all();
    }

    @GetMapping("/{id}")
    public Sighting one(@PathVariable long id) {
        return log.find(id)
                .orElseThrow(() -> new ResponseStatusException(HttpStatus.NOT_FOUND, "No sighting " + id));
    }

    @GetMapping("/by-species")
    public Map<Species, Integer> bySpecies() {
        return log.animalsBySpecies();
    }

    @PostMapping
    public ResponseEntity<Sighting> note(@Valid @RequestBody NewSighting seen) {
        Sighting noted = log.note(seen.species(), seen.place(), seen.animals());
        return ResponseEntity.created(URI.create("/sightings/" + noted.id())).body(noted);
    }
}
