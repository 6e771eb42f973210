/**
 * The index beside the store (server/entries/index-trust.ts, reindex.ts): a commit writes its manifest and tells the index, a
 * retirement the other way round, a reindex reads the store and then writes the epoch that makes a miss of the index a miss. The
 * index may be flushed, and a call to it may fail, at any time. One key.
 */
import type { Model, Move } from './explore.ts';

interface Worker {
  name: string;
  program: 'commit' | 'retire' | 'reindex';
  next: string;
  /** A bit of its own: what a commit writes, what a reindex begins. */
  own: number;
  /** The manifest that it deleted or found. */
  found: number;
}

export interface IndexWorld {
  /** Which manifest stands in the store; 0 is none. */
  manifest: number;
  /** The manifests that the index has rows of. A row without its manifest is removed by the next look-up. */
  rows: number;
  /** Whether the index bears the epoch of a completed reindex. */
  epoch: boolean;
  /** The reindex that may write its epoch; 0 is none. */
  building: number;
  workers: Worker[];
  /** Flushes and failing calls that may still come. */
  troubles: number;
}

export interface IndexRules {
  /** A reindex writes its epoch only where nothing was missed since it began. */
  epochIsChecked: boolean;
  /** Whoever cannot tell the index takes the epoch away. */
  doubts: boolean;
  /** That spoils a reindex under way too. */
  doubtSpoils: boolean;
}

export const INDEX_AS_BUILT: IndexRules = { epochIsChecked: true, doubts: true, doubtSpoils: true };

export function indexWorld(programs: Worker['program'][], troubles: number, manifest = false): IndexWorld {
  const workers = programs.map((program, at): Worker => {
    return { name: `${program} ${at + 1}`, program, next: 'begin', own: 2 << at, found: 0 };
  });
  const old = manifest ? 1 : 0;
  return { manifest: old, rows: old, epoch: false, building: 0, workers, troubles };
}

export function indexModel(first: IndexWorld, rules: IndexRules): Model<IndexWorld> {
  return {
    first,
    text: (state) => JSON.stringify(state),
    moves: (state) => [
      ...state.workers.flatMap((_, at) => movesOf(state, at, rules)),
      ...(state.troubles > 0 ? [flushed(state)] : []),
    ],
    // Who is under way may still tell it.
    wrong: ({ workers, epoch, manifest, rows }) =>
      epoch &&
      (manifest & ~rows) !== 0 &&
      workers.every(({ next, program }) => next === 'end' || program === 'reindex')
        ? 'the index says that nothing is missing, and an entry is'
        : undefined,
  };
}

function flushed(state: IndexWorld): Move<IndexWorld> {
  const to = { ...state, rows: 0, epoch: false, building: 0, troubles: state.troubles - 1 };
  return { label: 'the index is flushed', to };
}

function movesOf(state: IndexWorld, at: number, rules: IndexRules): Move<IndexWorld>[] {
  const one = state.workers[at];
  if (one === undefined || one.next === 'end') return [];
  const becomes = (
    label: string,
    change: Partial<IndexWorld>,
    worker: Partial<Worker>,
  ): Move<IndexWorld> => ({
    label: `${one.name} ${label}`,
    to: {
      ...state,
      ...change,
      workers: state.workers.map((each, n) => (n === at ? { ...each, ...worker } : each)),
    },
  });
  if (one.program === 'reindex') return [reindexMove(state, one, rules, becomes)];
  if (one.next === 'begin') {
    const commits = one.program === 'commit';
    // The first one wins, and there is nothing to take away twice.
    if (commits === (state.manifest !== 0))
      return [becomes('finds that somebody was first', {}, { next: 'end' })];
    return commits
      ? [becomes('writes its manifest', { manifest: one.own }, { next: 'tell' })]
      : [becomes('deletes the manifest', { manifest: 0 }, { next: 'tell', found: state.manifest })];
  }
  if (one.next === 'doubt') {
    const spoilt = rules.doubtSpoils ? { building: 0 } : {};
    return [becomes('takes the epoch away', { epoch: false, ...spoilt }, { next: 'end' })];
  }
  const rows = one.program === 'commit' ? state.rows | one.own : state.rows & ~one.found;
  const told = becomes('tells the index', { rows }, { next: 'end' });
  if (state.troubles === 0) return [told];
  const next = rules.doubts ? 'doubt' : 'end';
  return [told, becomes('cannot tell the index', { troubles: state.troubles - 1 }, { next })];
}

function reindexMove(
  state: IndexWorld,
  one: Worker,
  { epochIsChecked }: IndexRules,
  becomes: (label: string, change: Partial<IndexWorld>, worker: Partial<Worker>) => Move<IndexWorld>,
): Move<IndexWorld> {
  switch (one.next) {
    case 'begin':
      return becomes('begins', { building: one.own }, { next: 'list' });
    case 'list': {
      const found = state.manifest;
      return becomes(
        found ? 'finds the manifest' : 'finds no manifest',
        {},
        { next: found ? 'put' : 'write', found },
      );
    }
    case 'put':
      return becomes('puts its row', { rows: state.rows | one.found }, { next: 'write' });
    default: {
      const may = !epochIsChecked || state.building === one.own;
      return becomes(may ? 'writes its epoch' : 'writes no epoch', may ? { epoch: true } : {}, {
        next: 'end',
      });
    }
  }
}
