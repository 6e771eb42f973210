/** Small situations that are explored whole. In each a handful of actors meet over one or two segments, x and y. */
import type { Situation } from './run.ts';
import { actor, type Stored, world } from './state.ts';

const OLD: Stored = { version: 1, at: -10, bad: false };
const FRESH: Stored = { version: 2, at: 0, bad: false };
const X = 1;
const Y = 2;

const save = (name: string, needs: number, given = {}) =>
  actor({ name, program: 'saver', next: 'open', needs, dies: true, ...given });
const sweep = (runs: number, given = {}) =>
  actor({ name: 'the sweep', program: 'sweeper', next: 'run', dies: true, runs, ...given });

/** In each of two cycles one run marks and condemns, and one deletes. */
const TWO_CYCLES = 4;

/** A save that was told while a mark was under way, and has yet to commit: for what takes long to go wrong. */
export const LONG: Situation = {
  first: world({
    segments: [OLD],
    entries: [null],
    cycle: { number: 1, phase: 'condemning', marks: 0, began: 0, ended: 0 },
    lists: [{ has: X, at: 0 }],
    actors: [save('a save', X, { next: 'commit', asked: X, told: X }), sweep(TWO_CYCLES, { dies: false })],
  }),
  until: 7,
};

export const SITUATIONS = {
  'a save needs old garbage while it is swept': {
    first: world({ segments: [OLD], entries: [null], actors: [save('a save', X), sweep(TWO_CYCLES)] }),
    until: 4,
  },
  'a save sends without asking while old garbage is swept': {
    first: world({
      segments: [OLD],
      entries: [null],
      actors: [save('a save', X, { next: 'send', left: X }), sweep(TWO_CYCLES)],
    }),
    until: 5,
  },
  'a save needs one old segment and one new one': {
    first: world({
      segments: [OLD, null],
      entries: [null],
      actors: [save('a save', X | Y), sweep(TWO_CYCLES)],
    }),
    until: 3,
  },
  'two saves of two keys need the same garbage while it is swept': {
    first: world({
      segments: [OLD],
      lists: [{ has: X, at: 0 }],
      actors: [
        save('save a', X, { dies: false }),
        save('save b', X, { key: 1, next: 'send', left: X, asked: X, dies: false }),
        sweep(TWO_CYCLES, { dies: false }),
      ],
    }),
    until: 2,
  },
  'two servers commit one key with other content, and it is swept': {
    first: world({
      segments: [FRESH, FRESH],
      entries: [null],
      actors: [
        save('save a', X, { next: 'commit', told: X }),
        save('save b', Y, { next: 'commit', told: Y }),
        sweep(TWO_CYCLES, { dies: false }),
      ],
    }),
    until: 5,
    rules: { grace: 3, session: 1, stall: 1 },
  },
  'an entry is evicted while it is read, and then swept': {
    first: world({
      segments: [OLD],
      entries: [{ version: 3, needs: X, stands: true }],
      refs: [{ of: 3, has: X }],
      actors: [
        actor({ name: 'a restore', program: 'reader', next: 'lookUp' }),
        actor({ name: 'the eviction', program: 'remover', next: 'judge', dies: true }),
        sweep(TWO_CYCLES),
      ],
    }),
    until: 4,
  },
  'an entry is removed twice while its key is saved again': {
    first: world({
      segments: [OLD],
      entries: [{ version: 3, needs: X, stands: true }],
      refs: [{ of: 3, has: X }],
      actors: [
        actor({ name: 'one removal', program: 'remover', next: 'judge', dies: true }),
        actor({ name: 'another removal', program: 'remover', next: 'judge', dies: true }),
        save('a save', X),
      ],
    }),
    until: 1,
  },
  'a segment is damaged while it is read, scrubbed and saved': {
    first: world({
      segments: [OLD],
      entries: [{ version: 3, needs: X, stands: true }],
      refs: [{ of: 3, has: X }],
      actors: [
        actor({ name: 'a restore', program: 'reader', next: 'lookUp' }),
        actor({ name: 'the scrub', program: 'scrubber', next: 'read', needs: X, dies: true }),
        save('a save', X),
      ],
    }),
    until: 1,
    mayHarm: X,
  },
  'two sweeps run at once because one was given up for dead': {
    first: world({
      segments: [OLD],
      entries: [null],
      condemned: [{ cycle: 1, has: X, at: -1 }],
      cycle: { number: 2, phase: 'marking', marks: 0, began: 0, ended: 0 },
      actors: [
        save('a save', X, { dies: false }),
        sweep(2, { dies: false }),
        sweep(2, { name: 'the other sweep', dies: false }),
      ],
    }),
    until: 2,
    rules: { grace: 2, session: 0, stall: 1 },
  },
  'a sweep that was given up for dead condemns by a mark of long ago': {
    first: world({
      segments: [OLD],
      entries: [null],
      lists: [{ has: X, at: 0 }],
      condemned: [{ cycle: 1, has: X, at: 0 }],
      cycle: { number: 2, phase: 'marking', marks: 0, began: 0, ended: 0 },
      actors: [
        save('a save', X, { dies: false }),
        sweep(TWO_CYCLES, { dies: false }),
        sweep(0, { name: 'the dead sweep', next: 'condemn', cycle: 1, dies: false }),
      ],
    }),
    until: 3,
    rules: { grace: 2, session: 0, stall: 1 },
  },
  'a Bloom filter errs while a save and a sweep meet': {
    first: world({
      segments: [OLD, OLD],
      entries: [null],
      actors: [save('a save', X), sweep(TWO_CYCLES, { dies: false })],
    }),
    until: 3,
    falsePositives: true,
  },
} satisfies Record<string, Situation>;

/** Here requests may take for ever, and nobody dies. */
export const STALLED: Situation = {
  first: world({
    segments: [OLD],
    entries: [null],
    actors: [save('a save', X, { next: 'commit', dies: false }), sweep(TWO_CYCLES, { dies: false })],
  }),
  until: 7,
};
