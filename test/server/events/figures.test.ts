import fc from 'fast-check';
import { test } from 'tap';
import { Value } from 'typebox/value';
import { type CacheEvent, EventSchema, StatsSchema } from '#protocol/wire/routes.ts';
import { addEvent, addFigures, noFigures, statsOf } from '#server/events/figures.ts';
import { cacheEvent } from './made-events.ts';

const totals = { entries: 0, storedBytes: 0 };

function sum(events: readonly CacheEvent[]) {
  const figures = noFigures();
  for (const [at, event] of events.entries()) addEvent(figures, at, event);
  return figures;
}

test('the figures of a whole are those of its parts together', (t) => {
  const event = fc.record({
    command: fc.constantFrom('run', 'restore', 'save'),
    kind: fc.constantFrom('npm', 'maven', 'generic'),
    hit: fc.constantFrom('exact', 'near', 'none'),
    reason: fc.constantFrom('one', 'two'),
    seconds: fc.record({
      lookup: fc.nat(9),
      restore: fc.nat(9),
      command: fc.nat(9),
      save: fc.nat(9),
      saved: fc.nat(9),
    }),
    bytes: fc.record({ down: fc.nat(), up: fc.nat(), reused: fc.nat() }),
  });
  fc.assert(
    fc.property(fc.array(event), fc.nat(50), (given, cut) => {
      const events = given.map((each) => cacheEvent(each as Partial<CacheEvent>));
      const whole = noFigures();
      addFigures(whole, sum(events.slice(0, cut)));
      const rest = noFigures();
      for (const [at, each] of events.slice(cut).entries()) addEvent(rest, cut + at, each);
      addFigures(whole, rest);
      const [together, apart] = [statsOf(sum(events), totals), statsOf(whole, totals)];
      // Causes that cost the same may stand in either order.
      const inOrder = ({ costliestMisses, ...figures }: typeof together) => ({
        ...figures,
        misses: costliestMisses.map((miss) => JSON.stringify(miss)).sort(),
      });
      t.strictSame(inOrder(together), inOrder(apart));
    }),
    { numRuns: 50 },
  );
  t.end();
});

test('claims are capped, and sums stay numbers that the wire takes', (t) => {
  const huge = cacheEvent({
    hit: 'none',
    bytes: { down: Number.MAX_SAFE_INTEGER, up: Number.MAX_SAFE_INTEGER, reused: 0 },
    seconds: { lookup: 0, restore: 0, command: 1e300, save: 0, saved: 1e300 },
  });
  t.ok(Value.Check(EventSchema, huge));
  const stats = statsOf(sum([huge, huge, huge]), totals);
  t.ok(Value.Check(StatsSchema, JSON.parse(JSON.stringify(stats))));
  t.equal(stats.secondsSaved, 3 * 86_400);
  t.equal(stats.costliestMisses[0]?.seconds, 3 * 86_400);
  t.end();
});

test('what senders can make up is bounded, and what costs most stays', (t) => {
  const flood = Array.from({ length: 10_000 }, (_, n) =>
    cacheEvent({
      kind: `kind-${n}`,
      hit: 'none',
      reason: `made up ${n}`,
      seconds: { lookup: 0, restore: 0, command: 1, save: 0, saved: 0 },
    }),
  );
  const costly = cacheEvent({
    hit: 'none',
    reason: 'costly',
    seconds: { lookup: 0, restore: 0, command: 50, save: 0, saved: 0 },
  });
  const figures = sum([costly, ...flood, costly]);
  t.ok(figures.misses.size <= 1000);
  t.ok(figures.kinds.size <= 65);
  const stats = statsOf(figures, totals);
  t.equal(stats.runs, 10_002);
  t.match(stats.costliestMisses[0], { reason: 'costly', count: 2, seconds: 100 });
  t.ok(stats.costliestMisses.length <= 20);
  t.equal(
    stats.kinds.reduce((runs, kind) => runs + kind.runs, 0),
    10_002,
    'no run is lost',
  );
  t.end();
});
