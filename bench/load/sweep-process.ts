/**
 * A program that sweeps a store that is made up as it is read, started with IPC as `node sweep-process.ts OBJECTS PER_ENTRY`: of
 * that many segments every fourth is garbage, the others are needed by entries of PER_ENTRY segments each. Two cycles, with no
 * time between them but that of the clock that it makes up too; then it says how long they took and what memory that needed.
 */
import { hash } from 'node:crypto';
import { Readable } from 'node:stream';
import { LIFETIMES } from '#server/entries/lifetimes.ts';
import { encodeEntryRefs } from '#server/entries/refs.ts';
import { QUOTAS, SCRUB } from '#server/retention/retention.ts';
import { sweep } from '#server/retention/sweep-job.ts';
import type { ObjectHead, ObjectStore } from '#server/store/object-store.ts';

export interface SweepReport {
  seconds: number;
  /** The largest resident set, in MB. */
  memory: number;
  entries: number;
  condemned: number;
  deleted: number;
  /** Deleted ones that an entry needs. */
  wrong: number;
  calls: number;
}

const [objects = 0, perEntry = 1] = process.argv.slice(2).map(Number);
const GARBAGE_EVERY = 4;
const SPACE = 2 ** 32;
const DAY = 24 * 60 * 60 * 1000;
const BEGUN = Date.parse('2030-01-01T00:00:00Z');
const ENTRIES = 'entries/local/main/npm/app/';

/** Identities in the order of their numbers, so that none has to be held to list them in byte order. */
function identityOf(n: number): string {
  const first = Math.ceil((n * SPACE) / objects);
  const rest = hash('sha256', String(n)).slice(8);
  return first.toString(16).padStart(8, '0') + rest;
}

function numberOf(segment: string): number {
  return Math.floor((Number.parseInt(segment.slice(-64, -56), 16) * objects) / SPACE);
}

const entries = Math.ceil(objects / perEntry);
const deleted = new Uint8Array(objects);
const kept = new Map<string, { bytes: Buffer; modified: number }>();
let now = BEGUN + 30 * DAY;
let calls = 0;

function refsOf(entry: number): Buffer {
  const identities: string[] = [];
  for (let n = entry * perEntry; n < Math.min(objects, (entry + 1) * perEntry); n++)
    if (n % GARBAGE_EVERY !== 0) identities.push(identityOf(n));
  return encodeEntryRefs('v1', identities);
}

function headOf(name: string): ObjectHead | undefined {
  const own = kept.get(name);
  if (own !== undefined) return { name, size: own.bytes.length, etag: 'v1', modified: own.modified };
  if (name.startsWith('segments/') && deleted[numberOf(name)] === 0)
    return { name, size: 1_000_000, etag: 'v1', modified: BEGUN };
  return undefined;
}

function* listed(prefix: string): Generator<ObjectHead> {
  if (prefix === 'segments/') {
    for (let n = 0; n < objects; n++) {
      const identity = identityOf(n);
      const head = headOf(`segments/local/${identity.slice(0, 2)}/${identity}`);
      if (head !== undefined) yield head;
    }
  } else if (prefix === 'entries/') {
    for (let entry = 0; entry < entries; entry++) {
      const stem = `${ENTRIES}${String(entry).padStart(9, '0')}@0123456789abcdef`;
      yield { name: `${stem}.json`, size: 50_000, etag: 'v1', modified: BEGUN };
      yield { name: `${stem}.refs`, size: 32 * (1 + perEntry), etag: 'v1', modified: BEGUN };
    }
  } else {
    for (const name of [...kept.keys()].sort()) {
      const head = name.startsWith(prefix) ? headOf(name) : undefined;
      if (head !== undefined) yield head;
    }
  }
}

const store: ObjectStore = {
  atomicCreate: true,
  doubtedBefore: 0,
  now: async () => now,
  async head(name) {
    calls += 1;
    return headOf(name);
  },
  async get(name) {
    calls += 1;
    const own = kept.get(name);
    if (own !== undefined) return { ...own, etag: 'v1' };
    if (!name.startsWith(ENTRIES) || !name.endsWith('.refs')) return undefined;
    const bytes = refsOf(Number.parseInt(name.slice(ENTRIES.length), 10));
    return { bytes, etag: 'v1', modified: BEGUN };
  },
  read: async () => Readable.from([]),
  async put(name, bytes) {
    calls += 1;
    kept.set(name, { bytes: Buffer.from(bytes), modified: now });
    return { etag: 'v1' };
  },
  putStream: async () => ({ etag: 'v1', size: 0 }),
  async delete(name) {
    calls += 1;
    if (name.startsWith('segments/')) deleted[numberOf(name)] = 1;
    return kept.delete(name) || name.startsWith('segments/');
  },
  async *list(prefix) {
    // A bucket answers a thousand at a time.
    let page = 0;
    for (const head of listed(prefix)) {
      if (page++ % 1_000 === 0) calls += 1;
      yield head;
    }
  },
  close: async () => {},
};

const report: SweepReport = {
  seconds: 0,
  memory: 0,
  entries,
  condemned: 0,
  deleted: 0,
  wrong: 0,
  calls: 0,
};
const retention = {
  store,
  index: { removeSegment: async () => {} },
  entries: { evict: async () => false, examine: async () => true, examineDetail: async () => true },
  lifetimes: LIFETIMES,
  quotas: QUOTAS,
  scrub: SCRUB,
  clock: () => performance.now(),
  wait: async () => {},
  observer: {
    marked() {},
    condemned(figures: { objects: number }) {
      report.condemned += figures.objects;
    },
    swept(figures: { deleted: number }) {
      report.deleted += figures.deleted;
    },
    tidied() {},
    evicted() {},
    scrubbed() {},
  },
};

const begun = performance.now();
for (let runs = 0; runs < 3; runs++) {
  await sweep(retention, true, new AbortController().signal);
  now += LIFETIMES.hold;
}
report.seconds = (performance.now() - begun) / 1000;
report.memory = process.resourceUsage().maxRSS / 1024;
for (let n = 0; n < objects; n++) if (deleted[n] === 1 && n % GARBAGE_EVERY !== 0) report.wrong += 1;
report.calls = calls;
process.send?.(report, () => process.disconnect());
