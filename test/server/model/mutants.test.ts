/**
 * The model finds what is wrong with other rules: each mutant changes one of them, and is caught with a shortest trace, which is
 * printed. So no rule is there for nothing.
 */
import { test } from 'tap';
import { explore, readable } from './explore.ts';
import { modelOf, type Situation } from './run.ts';
import { LONG, SITUATIONS, STALLED } from './situations.ts';
import { AS_BUILT, type Rules } from './state.ts';

const BOUND = 2_000_000;

const GARBAGE = SITUATIONS['a save needs old garbage while it is swept'];
const SILENT = SITUATIONS['a save sends without asking while old garbage is swept'];
const ONE_KEY = SITUATIONS['two servers commit one key with other content, and it is swept'];
const READ = SITUATIONS['an entry is evicted while it is read, and then swept'];
const REMOVED = SITUATIONS['an entry is removed twice while its key is saved again'];
const LAGGING = SITUATIONS['a sweep that was given up for dead condemns by a mark of long ago'];
const DAMAGED = SITUATIONS['a segment is damaged while it is read, scrubbed and saved'];

const MUTANTS: Record<string, [change: Partial<Rules>, situation: Situation, found: RegExp]> = {
  'the grace is no longer than a session': [{ grace: 2 }, GARBAGE, /told to have x|is not$/],
  'what this cycle condemns is deleted by it': [{ condemnsFirst: false }, GARBAGE, /told to have x/],
  'a list is judged by a mark that began before it was written': [
    { judgesByTime: false },
    LAGGING,
    /is not$|told to have x/,
  ],
  'lists of sessions are no roots': [{ sessionsAreRoots: false }, GARBAGE, /told to have x/],
  'sessions are read after the entries': [{ sessionsFirst: false }, LONG, /is not$/],
  'a commit may come at any age of its session': [{ session: 100 }, LONG, /told to have x/],
  'a save is told before its list is written': [{ listBeforeAnswer: false }, GARBAGE, /told to have x/],
  'a save is told to have what is condemned': [{ condemnedLacks: false }, GARBAGE, /told to have x/],
  'what is condemned and sent again is left as it is': [{ sentAgainIsPut: false }, GARBAGE, /told to have x/],
  'the sweep deletes whatever version is there': [{ sweepsVersion: false }, GARBAGE, /told to have x/],
  'what is condemned is deleted though it is needed again': [
    { sparesMarked: false },
    GARBAGE,
    /told to have x/,
  ],
  'a commit looks before it lists': [{ commitLists: false }, SILENT, /is not$/],
  'a commit relies on what is condemned': [{ commitRenews: false }, SILENT, /told to have x|is not$/],
  'a commit does not look once more': [
    { secondLook: false, stall: Number.POSITIVE_INFINITY },
    STALLED,
    /is not$/,
  ],
  'the list beside an entry is not bound to it': [
    { refsAreBound: false },
    { ...ONE_KEY, safetyOnly: true },
    /is not$/,
  ],
  'nothing is held for those who read': [{ hold: 0 }, READ, /cannot read x/],
  'a retirement takes whatever version is there': [{ retiresVersion: false }, REMOVED, /never judged/],
  'an entry that is not whole keeps its key': [
    { holesMakeWay: false },
    DAMAGED,
    /key 0 is not whole|cannot be saved/,
  ],
  'damaged bytes are left where they are': [
    { quarantines: false },
    DAMAGED,
    /key 0 is (still damaged|not whole)/,
  ],
};

for (const [name, [change, situation, found]] of Object.entries(MUTANTS)) {
  test(`caught: ${name}`, async (t) => {
    const { states, broken } = explore(modelOf(situation, { ...AS_BUILT, ...change }), BOUND);
    t.match(broken?.what ?? 'nothing was found', found);
    if (broken !== undefined) t.comment(`after ${states} states:\n${readable(broken)}`);
  });
}
