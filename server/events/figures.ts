/**
 * Figures: sums over events. Sums of parts of the log are added to be those of the whole, so that a page that goes takes its own
 * with it.
 *
 * Runners' figures are claims. Each is capped, and what is told apart by a text (kinds, reasons) is bounded, so that no sender
 * can take the server's memory or drown the others' figures.
 */
import type { CacheEvent, Stats } from '#protocol/wire/routes.ts';

/** A command that takes a day has gone wrong. */
const SECONDS_CAP = 86_400;
/** Causes of misses that a part keeps: the costliest, at most twice this many at a time. */
const MISSES_KEPT = 500;
const KINDS_KEPT = 64;
const OTHER_KINDS = 'other';
/** Causes of misses in an answer. */
const MISSES_SHOWN = 20;

type Hits = Stats['hits'];
type Miss = Stats['costliestMisses'][number];
type Kind = Stats['kinds'][number];

export interface Figures {
  /** Milliseconds since 1970 of the oldest event. */
  since: number;
  runs: number;
  hits: Hits;
  skipped: number;
  verified: Stats['verified'];
  bytes: Stats['bytes'];
  secondsSaved: number;
  kinds: Map<string, Kind>;
  misses: Map<string, Miss>;
}

export function noFigures(): Figures {
  return {
    since: Number.POSITIVE_INFINITY,
    runs: 0,
    hits: { exact: 0, near: 0, none: 0 },
    skipped: 0,
    verified: { right: 0, wrong: 0 },
    bytes: { down: 0, up: 0, reused: 0 },
    secondsSaved: 0,
    kinds: new Map(),
    misses: new Map(),
  };
}

/**
 * Adds one event. A `save` by itself asks for nothing: it moves bytes, and is neither a hit nor a miss. A near hit counts among
 * the misses, with what its command still took: the exact key was not there, and there is a reason for it.
 */
export function addEvent(figures: Figures, at: number, event: CacheEvent): void {
  figures.since = Math.min(figures.since, at);
  addBytes(figures.bytes, event.bytes);
  if (event.command === 'save') return;
  const saved = Math.min(event.seconds.saved, SECONDS_CAP);
  figures.runs += 1;
  figures.hits[event.hit] += 1;
  figures.secondsSaved += saved;
  if (event.skipped) figures.skipped += 1;
  if (event.verified !== undefined) figures.verified[event.verified] += 1;
  const kind = { kind: event.kind, runs: 1, exact: 0, near: 0, none: 0, secondsSaved: saved };
  kind[event.hit] = 1;
  addKind(figures, kind);
  if (event.hit === 'exact') return;
  const { name = '_', reason = 'no reason given' } = event;
  addMiss(figures, {
    kind: event.kind,
    name,
    reason,
    count: 1,
    seconds: Math.min(event.seconds.command, SECONDS_CAP),
  });
}

/** Adds another part's figures. */
export function addFigures(figures: Figures, part: Figures): void {
  figures.since = Math.min(figures.since, part.since);
  figures.runs += part.runs;
  for (const hit of ['exact', 'near', 'none'] as const) figures.hits[hit] += part.hits[hit];
  figures.skipped += part.skipped;
  for (const verdict of ['right', 'wrong'] as const) figures.verified[verdict] += part.verified[verdict];
  addBytes(figures.bytes, part.bytes);
  figures.secondsSaved += part.secondsSaved;
  for (const kind of part.kinds.values()) addKind(figures, kind);
  for (const miss of part.misses.values()) addMiss(figures, miss);
}

function addBytes(bytes: Stats['bytes'], more: Stats['bytes']): void {
  for (const way of ['down', 'up', 'reused'] as const)
    bytes[way] = Math.min(Number.MAX_SAFE_INTEGER, bytes[way] + more[way]);
}

function addKind({ kinds }: Figures, more: Kind): void {
  const kind = kinds.has(more.kind) || kinds.size < KINDS_KEPT ? more.kind : OTHER_KINDS;
  const known = kinds.get(kind);
  if (known === undefined) {
    kinds.set(kind, { ...more, kind });
    return;
  }
  for (const figure of ['runs', 'exact', 'near', 'none', 'secondsSaved'] as const)
    known[figure] += more[figure];
}

function addMiss(figures: Figures, more: Miss): void {
  const key = JSON.stringify([more.kind, more.name, more.reason]);
  const known = figures.misses.get(key);
  if (known !== undefined) {
    known.count += more.count;
    known.seconds += more.seconds;
    return;
  }
  figures.misses.set(key, { ...more });
  if (figures.misses.size < 2 * MISSES_KEPT) return;
  const costliest = [...figures.misses].sort(([, a], [, b]) => byCost(a, b));
  figures.misses = new Map(costliest.slice(0, MISSES_KEPT));
}

function byCost(a: Miss, b: Miss): number {
  return b.seconds - a.seconds || b.count - a.count;
}

/** As GET stats answers. */
export function statsOf(figures: Figures, totals: { entries: number; storedBytes: number }): Stats {
  const { since, runs, hits, skipped, verified, bytes } = figures;
  const stats: Stats = {
    runs,
    hits: { ...hits },
    hitRate: runs === 0 ? 0 : hits.exact / runs,
    skipped,
    verified: { ...verified },
    bytes: { ...bytes },
    secondsSaved: toMilliseconds(figures.secondsSaved),
    ...totals,
    kinds: [...figures.kinds.values()]
      .map((kind) => ({ ...kind, secondsSaved: toMilliseconds(kind.secondsSaved) }))
      .sort((a, b) => b.runs - a.runs || (a.kind < b.kind ? -1 : 1)),
    costliestMisses: [...figures.misses.values()]
      .sort(byCost)
      .slice(0, MISSES_SHOWN)
      .map((miss) => ({ ...miss, seconds: toMilliseconds(miss.seconds) })),
  };
  return Number.isFinite(since) ? { since: new Date(since).toISOString(), ...stats } : stats;
}

function toMilliseconds(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
