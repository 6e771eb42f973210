/** A situation of the model as something to explore: who may do what next, and what must hold in every state. */
import type { Model, Move } from './explore.ts';
import { reader, remover, scrubber } from './others.ts';
import { saver } from './saver.ts';
import {
  actor,
  copyOf,
  copyOfActor,
  end,
  isOver,
  nameOf,
  namesOf,
  type Rules,
  textOf,
  type World,
} from './state.ts';
import type { Program } from './steps.ts';
import { choicesOf, mustWait, rest, sweeper } from './sweeper.ts';

/** Where each begins: who has not begun cannot die either. */
const BEGINNINGS = new Set(['open', 'run', 'lookUp', 'judge']);

const PROGRAMS: Record<string, Program> = { saver, sweeper, reader, remover, scrubber };

export interface Situation {
  first: World;
  /** Ticks that the clock may show at most. */
  until: number;
  /** Bloom filters may err. */
  falsePositives?: boolean;
  /** Segments that the disk may damage, once. */
  mayHarm?: number;
  /** Shorter times than the usual ones, where long ones would only make more states. */
  rules?: Partial<Rules>;
  /** What holds when nobody is at work any more is left out. */
  safetyOnly?: boolean;
}

export function modelOf(situation: Situation, given: Rules): Model<World> {
  const rules = { ...given, ...situation.rules };
  const { first, until, falsePositives = false, mayHarm = 0, safetyOnly = false } = situation;
  return {
    first,
    text: textOf,
    moves: (state) => {
      if (state.broken !== '') return [];
      const moves = state.actors.flatMap((_, at) => movesOf(state, at, rules, falsePositives));
      if (state.now < until && mayTick(state, rules)) moves.push(tick(state, rules));
      if (mayHarm !== 0 && state.harms === 0) moves.push(...harms(state, mayHarm));
      return moves;
    },
    wrong: (state) =>
      wrongIn(state, rules) ??
      (!safetyOnly && state.actors.every(isOver) ? wrongInTheEnd(state, rules) : undefined),
  };
}

function movesOf(state: World, at: number, rules: Rules, falsePositives: boolean): Move<World>[] {
  const before = state.actors[at];
  if (before === undefined || isOver(before)) return [];
  if (before.program === 'sweeper' && mustWait(before, state, rules)) return [];
  const moves: Move<World>[] = [];
  for (let choice = 0; choice < choicesOf(before, state, falsePositives); choice++)
    moves.push(stepped(state, at, rules, choice));
  if (before.dies && !BEGINNINGS.has(before.next)) moves.push(died(state, at));
  return moves;
}

function died(state: World, at: number): Move<World> {
  const to = copyOf(state);
  const one = copyOfActor(to, at);
  // Another worker takes a run up again.
  if (one.program === 'sweeper') rest(one, one.runs + 1);
  else end(one);
  return { label: `${one.name} dies`, to };
}

function stepped(state: World, at: number, rules: Rules, choice: number): Move<World> {
  const to = copyOf(state);
  const one = copyOfActor(to, at);
  const step = PROGRAMS[one.program]?.[one.next];
  if (step === undefined) throw new Error(`no step ${one.program} ${one.next}`);
  return { label: step(to, one, rules, choice), to };
}

// A request that has begun ends in time; what it read of the condemned is older by seconds at most.
function mayTick({ now, actors }: World, { stall }: Rules): boolean {
  return actors.every(
    ({ since, next }) => since < 0 || (now - since < stall && next !== 'list' && next !== 'commitLists'),
  );
}

function tick(state: World, { grace }: Rules): Move<World> {
  const to = copyOf(state);
  to.now += 1;
  // Lists that no mark asks for any more are removed.
  to.lists = to.lists.filter(({ at }) => to.now - at < grace);
  return { label: `time passes, it is ${to.now}`, to };
}

function harms(state: World, mayHarm: number): Move<World>[] {
  return state.segments.flatMap((found, segment) => {
    if (found === null || !(mayHarm & (1 << segment))) return [];
    const to = copyOf(state);
    to.segments[segment] = { ...found, bad: true };
    to.harmed |= 1 << segment;
    to.harms += 1;
    return [{ label: `the disk damages ${nameOf(segment)}`, to }];
  });
}

function absent({ segments }: World, needs: number): number {
  return segments.reduce((mask, found, at) => (found === null ? mask : mask & ~(1 << at)), needs);
}

function wrongIn(state: World, rules: Rules): string | undefined {
  if (state.broken !== '') return state.broken;
  for (const [key, entry] of state.entries.entries()) {
    if (entry === null) continue;
    // Where requests may take for ever, only what has been answered is promised.
    if (rules.stall === Number.POSITIVE_INFINITY && !entry.stands) continue;
    const holes = absent(state, entry.needs) & ~state.harmed;
    if (holes !== 0) return `the entry of key ${key} is there, and its ${namesOf(holes)} is not`;
  }
  return undefined;
}

/**
 * When nobody is at work any more: cycles delete all that no entry needs and nothing else; and every key can be saved and
 * restored, also one whose entry is damaged.
 */
function wrongInTheEnd(state: World, rules: Rules): string | undefined {
  let world = copyOf(state);
  world.actors = [];
  for (let cycle = 0; cycle < 5; cycle++) {
    for (let run = 0; run < 2; run++) {
      world.now += rules.grace + rules.hold;
      world = alone(world, rules, actor({ name: 'a last sweep', program: 'sweeper', next: 'run', runs: 1 }));
    }
  }
  const needed = world.entries.reduce((mask, entry) => mask | (entry?.needs ?? 0), 0);
  for (const [segment, found] of world.segments.entries()) {
    if (found !== null && !(needed & (1 << segment))) return `${nameOf(segment)} is garbage for ever`;
  }
  const lost = absent(world, needed) & ~world.harmed;
  if (lost !== 0) return `cycles with nobody at work delete ${namesOf(lost)}, which an entry needs`;
  return wrongAfterHealing(world, rules);
}

/** Whoever reads an entry and saves its key again ends with one that is whole, with the same content and with other content. */
function wrongAfterHealing(state: World, rules: Rules): string | undefined {
  for (const [key, before] of state.entries.entries()) {
    if (before === null) continue;
    for (const needs of [before.needs, 1 << state.segments.length]) {
      let world: World = { ...copyOf(state), segments: [...state.segments, null] };
      world = alone(world, rules, actor({ name: 'a last reader', program: 'reader', next: 'lookUp', key }));
      world = alone(world, rules, actor({ name: 'a last save', program: 'saver', next: 'open', key, needs }));
      const after = world.entries[key] ?? null;
      if (after === null) return `key ${key} cannot be saved`;
      if (absent(world, after.needs) !== 0)
        return `key ${key} is not whole after it was read and saved again`;
      if (after.needs & badMask(world))
        return `key ${key} is still damaged after it was read and saved again`;
    }
  }
  return undefined;
}

function badMask({ segments }: World): number {
  return segments.reduce((mask, found, at) => (found?.bad ? mask | (1 << at) : mask), 0);
}

/** Lets one actor do all its steps with nobody else at work. */
function alone(state: World, rules: Rules, who: World['actors'][number]): World {
  let world = { ...copyOf(state), actors: [who] };
  for (let steps = 0; steps < 200; steps++) {
    const [one] = world.actors;
    if (
      one === undefined ||
      isOver(one) ||
      (one.program === 'sweeper' && one.next === 'run' && one.runs === 0)
    )
      break;
    world = stepped(world, 0, rules, 0).to;
  }
  const [one] = world.actors;
  if (one !== undefined) end(one);
  return { ...world, actors: [] };
}
