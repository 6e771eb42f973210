package com.example.whalelog.core;

import java.time.LocalDate;
import java.util.Objects;

/** Animals of one species, seen on one day at one place. */
public record Sighting(long id, Species species, LocalDate day, String place, int animals) {

    public Sighting {
        Objects.requireNonNull(species, "species");
        Objects.requireNonNull(day, "day");
        Objects.requireNonNull(place, "place");
        if (animals < 1) {
            throw new IllegalArgumentException("a sighting has at least one animal, not " + animals);
        }
    }
}
