package com.example.whalelog.core;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongFunction;
import org.springframework.stereotype.Repository;

@Repository
public class InMemorySightingRepository implements SightingRepository {

    private final AtomicLong lastId = new AtomicLong();
    private final ConcurrentSkipListMap<Long, Sighting> sightings = new ConcurrentSkipListMap<>();

    @Override
    public Sighting add(LongFunction<Sighting> withId) {
        Sighting sighting = withId.apply(lastId.incrementAndGet());
        sightings.put(sighting.id(), sighting);
        return sighting;
    }

    @Override
    public Optional<Sighting> find(long id) {
        return Optional.ofNullable(sightings.get(id));
    }

    @Override
    public List<Sighting> all() {
        return List.copyOf(sightings.values());
    }
}
