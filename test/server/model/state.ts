/**
 * The world of the model: what stands in the store, who is at work, and what time the store's clock shows. Small numbers stand
 * for everything: segments are bits of a mask, an hour or a day is a tick.
 *
 * Each step of an actor is one call to the store, which is atomic; anything may happen between two of them.
 */

/** An object in one version. `at`: when it was put, by the store's clock. */
export interface Stored {
  version: number;
  at: number;
  /** Its bytes are not what its name says. */
  bad: boolean;
}

export type Phase = 'marking' | 'condemning' | 'holding';

export interface Actor {
  name: string;
  program: string;
  /** The step that comes next; `end` is none. */
  next: string;
  /** May die between any two steps. */
  dies: boolean;
  key: number;
  /** The segments that its entry is made of. */
  needs: number;
  /** When its session was opened, its mark began, its entry was looked up. */
  at: number;
  /** When its request began; -1 where it is in none. A request ends within `rules.stall`. */
  since: number;
  /** Segments that it asked for, and has lists of. */
  asked: number;
  /** Segments that it was promised to find at its commit. */
  told: number;
  /** Segments that remain for the step at hand. */
  left: number;
  /** Lists of the condemned as it read them: their segments, and when they were written. */
  seen: [number, number][];
  version: number;
  marks: number;
  /** The cycle that a sweeper is in. */
  cycle: number;
  /** Runs that a sweeper still makes. */
  runs: number;
}

export interface World {
  now: number;
  /** The last version that was given to an object. */
  versions: number;
  segments: (Stored | null)[];
  /** Lists of open sessions. */
  lists: { has: number; at: number }[];
  /** Lists of the condemned; `cycle` is the one whose mark they are of. */
  condemned: { cycle: number; has: number; at: number }[];
  /** What retention keeps of its cycle from one run to the next. */
  cycle: {
    number: number;
    phase: Phase;
    marks: number;
    /** When its mark began. */
    began: number;
    /** When it had condemned what it did not find. */
    ended: number;
  };
  /** By key. `stands`: its commit has been answered, or nobody is left who could take it back. */
  entries: ({ version: number; needs: number; stands: boolean } | null)[];
  /** By key: the list beside the entry, and the version of the manifest that it is a list of. */
  refs: ({ of: number; has: number } | null)[];
  actors: Actor[];
  /** Segments that were damaged from outside. */
  harmed: number;
  harms: number;
  /** A promise that was broken by the last step. */
  broken: string;
}

/** Times are in ticks. The rules as they are built; a mutant changes one. */
export interface Rules {
  /** A commit in an older session is refused. */
  session: number;
  /** What is younger is not condemned, and lists of sessions are roots for so long. */
  grace: number;
  /** So long a cycle waits when it has condemned: for those who read what has gone, and those who have not heard of it yet. */
  hold: number;
  /** A request takes no longer; without a bound it may. */
  stall: number;
  /** A save's list is written before it is told what the store has. */
  listBeforeAnswer: boolean;
  /** Lists of sessions are roots. */
  sessionsAreRoots: boolean;
  /** Mark reads them before it reads the entries. */
  sessionsFirst: boolean;
  /** Only what was condemned a while (`hold`) before the mark began is deleted. */
  condemnsFirst: boolean;
  /** Whether it was, is told by when it was written, not by the number of its cycle. */
  judgesByTime: boolean;
  /** What is condemned is lacking. */
  condemnedLacks: boolean;
  /** What is condemned and sent again is put again: a version that is not condemned. */
  sentAgainIsPut: boolean;
  /** Sweep deletes the version that it looked at. */
  sweepsVersion: boolean;
  /** What is condemned and found to be needed again is spared. */
  sparesMarked: boolean;
  /** Retirement deletes the version that was judged. */
  retiresVersion: boolean;
  /** A commit writes a list of all that it relies on before it looks at it. */
  commitLists: boolean;
  /** A commit puts what is condemned once more. */
  commitRenews: boolean;
  /** A commit looks once more when its manifest is written, and takes it back if something has gone. */
  secondLook: boolean;
  /** A list beside an entry names the version of the manifest that it belongs to, and is written after it. */
  refsAreBound: boolean;
  /** An entry that is not whole makes way. */
  holesMakeWay: boolean;
  /** Damaged bytes are taken away when they are found. */
  quarantines: boolean;
}

export const AS_BUILT: Rules = {
  session: 2,
  grace: 5,
  hold: 1,
  stall: 2,
  listBeforeAnswer: true,
  sessionsAreRoots: true,
  sessionsFirst: true,
  condemnsFirst: true,
  judgesByTime: true,
  condemnedLacks: true,
  sentAgainIsPut: true,
  sweepsVersion: true,
  sparesMarked: true,
  retiresVersion: true,
  commitLists: true,
  commitRenews: true,
  secondLook: true,
  refsAreBound: true,
  holesMakeWay: true,
  quarantines: true,
};

const NAMES = 'xyz';

export function nameOf(segment: number): string {
  return NAMES[segment] ?? '?';
}

export function namesOf(mask: number): string {
  return [...NAMES].filter((_, segment) => mask & (1 << segment)).join(', ') || 'nothing';
}

/** The first segment of a mask, which is not empty. */
export function firstOf(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}

export function actor(given: Partial<Actor> & Pick<Actor, 'name' | 'program' | 'next'>): Actor {
  return {
    dies: false,
    key: 0,
    needs: 0,
    at: 0,
    since: -1,
    asked: 0,
    told: 0,
    left: 0,
    seen: [],
    version: 0,
    marks: 0,
    cycle: 0,
    runs: 0,
    ...given,
  };
}

export function world(given: Partial<World>): World {
  return {
    now: 0,
    versions: 100,
    segments: [],
    lists: [],
    condemned: [],
    cycle: { number: 1, phase: 'marking', marks: 0, began: 0, ended: 0 },
    entries: [null, null],
    refs: [null, null],
    actors: [],
    harmed: 0,
    harms: 0,
    broken: '',
    ...given,
  };
}

/** Objects inside are never changed; who acts is copied by {@link copyOfActor}. */
export function copyOf(state: World): World {
  return {
    ...state,
    segments: [...state.segments],
    lists: [...state.lists],
    condemned: [...state.condemned],
    entries: [...state.entries],
    refs: [...state.refs],
    actors: [...state.actors],
  };
}

/** The actor of that number, to be changed in a world that is a copy. */
export function copyOfActor(state: World, at: number): Actor {
  const one = state.actors[at];
  if (one === undefined) throw new Error(`there is no actor ${at}`);
  const copy = { ...one };
  state.actors[at] = copy;
  return copy;
}

/** The words of steps and phases as numbers. */
const WORDS: string[] = [];

function wordOf(text: string): number {
  const at = WORDS.indexOf(text);
  return at === -1 ? WORDS.push(text) - 1 : at;
}

/** A state as text, one character a number: short, because there are millions. */
export function textOf(state: World): string {
  const { now, segments, lists, condemned, cycle, entries, refs, actors, harmed, harms, broken } = state;
  const seen: number[] = [0];
  // Only whether two versions are equal matters, not which they are.
  const rank = (version: number) => {
    const at = seen.indexOf(version);
    return at === -1 ? seen.push(version) - 1 : at;
  };
  const { number, phase, marks, began, ended } = cycle;
  const codes = [now, harmed, harms, wordOf(broken), number, wordOf(phase), marks, began, ended];
  for (const one of segments) codes.push(one ? rank(one.version) : -1, one ? one.at : 0, one?.bad ? 1 : 0);
  codes.push(lists.length);
  for (const { has, at } of lists) codes.push(has, at);
  codes.push(condemned.length);
  for (const { cycle: of, has, at } of condemned) codes.push(of, has, at);
  for (const one of entries)
    codes.push(one ? rank(one.version) : -1, one ? one.needs : 0, one?.stands ? 1 : 0);
  for (const one of refs) codes.push(one ? rank(one.of) : -1, one ? one.has : 0);
  for (const one of actors) {
    codes.push(wordOf(one.next), one.at, one.since, one.asked, one.told, one.left, rank(one.version));
    codes.push(one.marks, one.cycle, one.runs, one.seen.length);
    for (const [has, at] of one.seen) codes.push(has, at);
  }
  // Times before the beginning are negative.
  return String.fromCharCode(...codes.map((code) => code + 32));
}

/** A session writes a list. An older one of the same segments protects nothing that this one does not. */
export function keepList(state: World, has: number): void {
  state.lists = [...state.lists.filter((list) => list.has !== has), { has, at: state.now }];
}

export function put(state: World, segment: number): void {
  state.segments[segment] = { version: ++state.versions, at: state.now, bad: false };
}

/** Whether a version of a segment is condemned by lists as they were read. */
export function isCondemned(
  seen: readonly [number, number][],
  segment: number,
  { at }: Stored,
  { grace }: Rules,
): boolean {
  return seen.some(([has, written]) => has & (1 << segment) && at + grace <= written);
}

export function condemnedNow({ condemned }: World): [number, number][] {
  return condemned.map(({ has, at }) => [has, at]);
}

export function end(one: Actor): void {
  Object.assign(one, actor({ name: one.name, program: one.program, next: 'end' }));
}

export function isOver({ next }: Actor): boolean {
  return next === 'end';
}
