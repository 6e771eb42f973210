package com.example.whalelog.core;

import java.util.List;
import java.util.Optional;
import java.util.function.LongFunction;

/** Where sightings are kept. */
public interface SightingRepository {

    /** Gives out the next id and keeps the sighting that is made of it. */
    Sighting add(LongFunction<Sighting> withId);

    Optional<Sighting> find(long id);

    /** All of them, in the order in which they were added. */
    List<Sighting> all();
}
