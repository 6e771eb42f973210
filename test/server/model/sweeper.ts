/**
 * Retention's cycle (server/retention): mark what entries and open sessions need, condemn what nobody needs, wait, delete what
 * was condemned a while before the mark began and what it did not find either. A run reads where the cycle stands, goes on from there as far
 * as it can, and writes down where it is; a run that dies is done again by the next one.
 */
import {
  type Actor,
  actor,
  end,
  firstOf,
  isCondemned,
  nameOf,
  namesOf,
  type Phase,
  type Rules,
  type World,
} from './state.ts';
import type { Program } from './steps.ts';

export const sweeper: Program = {
  run(state, one, rules) {
    if (one.runs === 0) {
      end(one);
      return `${one.name} rests`;
    }
    const { number, phase, marks, began } = state.cycle;
    Object.assign(one, { runs: one.runs - 1, cycle: number, marks, at: began });
    if (phase !== 'marking') {
      one.next = phase === 'condemning' ? 'condemn' : 'list';
      return `${one.name} goes on with cycle ${number}, which is ${phase}`;
    }
    Object.assign(one, { at: state.now, marks: 0, left: 0 });
    if (rules.sessionsFirst) return markSessions(state, one, rules, 'entry');
    one.next = 'entry';
    return `${one.name} begins to mark, cycle ${number}`;
  },

  sessions(state, one, rules) {
    return markSessions(state, one, rules, 'marked');
  },
  entry(state, one, rules) {
    const found = state.entries[one.left] ?? null;
    one.version = found?.version ?? 0;
    if (found !== null) {
      one.next = 'refs';
      return `${one.name} lists the entry of key ${one.left}`;
    }
    nextEntry(state, one, rules);
    return `${one.name} finds no entry of key ${one.left === 0 ? state.entries.length - 1 : one.left - 1}`;
  },
  refs(state, one, rules) {
    const refs = state.refs[one.left] ?? null;
    const believed = refs !== null && (!rules.refsAreBound || refs.of === one.version);
    const needs = believed ? refs.has : (state.entries[one.left]?.needs ?? 0);
    one.marks |= needs;
    one.version = 0;
    nextEntry(state, one, rules);
    return `${one.name} marks what its ${believed ? 'list' : 'manifest'} says: ${namesOf(needs)}`;
  },
  // A Bloom filter may say of any segment that it is marked.
  marked(state, one, _, choice) {
    const extra = choice === 0 ? 0 : 1 << (choice - 1);
    const errs = (extra & ~one.marks) !== 0;
    one.marks |= extra;
    one.next = 'condemn';
    writeDown(state, one, 'condemning');
    return `the mark is complete${errs ? `, with ${namesOf(extra)} by false positive` : ''}: written down for cycle ${one.cycle}`;
  },
  condemn,
  condemned(state, one) {
    writeDown(state, one, 'holding');
    const { cycle } = one;
    rest(one, one.runs);
    return `what nobody needs is condemned: written down for cycle ${cycle}`;
  },
  list: takeUp,
  head(state, one, rules) {
    const segment = firstOf(one.left);
    const found = state.segments[segment] ?? null;
    if (found === null || !isCondemned(one.seen, segment, found, rules)) {
      skip(one, segment);
      return `${one.name} finds ${nameOf(segment)} ${found === null ? 'gone' : 'put again since'}`;
    }
    one.version = found.version;
    one.next = 'remove';
    return `${one.name} looks at ${nameOf(segment)}`;
  },
  remove(state, one, rules) {
    const segment = firstOf(one.left);
    const found = state.segments[segment] ?? null;
    const same = found !== null && (found.version === one.version || !rules.sweepsVersion);
    if (same) state.segments[segment] = null;
    skip(one, segment);
    return same
      ? `${one.name} deletes ${nameOf(segment)}`
      : `${one.name} deletes no other ${nameOf(segment)}`;
  },
  drop(state, one) {
    const [[has, at] = [0, 0]] = one.seen;
    state.condemned = state.condemned.filter((list) => list.has !== has || list.at !== at);
    one.seen = [];
    one.next = 'list';
    return `the list is dropped`;
  },
};

function markSessions(state: World, one: Actor, rules: Rules, next: string): string {
  if (rules.sessionsAreRoots) {
    for (const { has, at } of state.lists) if (state.now - at < rules.grace) one.marks |= has;
  }
  one.next = next;
  return `${one.name} marks what sessions need, cycle ${one.cycle}: ${namesOf(one.marks)}`;
}

function condemn(state: World, one: Actor, rules: Rules): string {
  const pending = state.condemned.reduce((mask, { has }) => mask | has, 0);
  let has = 0;
  for (const [segment, found] of state.segments.entries()) {
    const old = found !== null && found.at + rules.grace <= one.at;
    if (old && !(one.marks & (1 << segment)) && !(pending & (1 << segment))) has |= 1 << segment;
  }
  if (has !== 0) state.condemned.push({ cycle: one.cycle, has, at: state.now });
  one.next = 'condemned';
  return `${one.name} condemns ${namesOf(has)}`;
}

function takeUp(state: World, one: Actor, rules: Rules): string {
  const list = state.condemned.find(({ cycle, at }) => {
    if (!rules.condemnsFirst) return true;
    return rules.judgesByTime ? at + rules.hold <= one.at : cycle < one.cycle;
  });
  if (list === undefined) {
    writeDown(state, one, 'marking');
    const { cycle } = one;
    rest(one, one.runs);
    return `cycle ${cycle} is complete: written down`;
  }
  one.seen = [[list.has, list.at]];
  one.left = rules.sparesMarked ? list.has & ~one.marks : list.has;
  one.next = one.left === 0 ? 'drop' : 'head';
  return `${one.name} takes up a list of ${namesOf(list.has)}; not marked is ${namesOf(one.left)}`;
}

/** How many ways a step may go. */
export function choicesOf(one: Actor, { segments }: World, falsePositives: boolean): number {
  return falsePositives && one.program === 'sweeper' && one.next === 'marked' ? segments.length + 1 : 1;
}

function nextEntry(state: World, one: Actor, rules: Rules): void {
  one.left += 1;
  if (one.left < state.entries.length) {
    one.next = 'entry';
    return;
  }
  one.left = 0;
  one.next = rules.sessionsFirst ? 'marked' : 'sessions';
}

function skip(one: Actor, segment: number): void {
  one.left &= ~(1 << segment);
  one.version = 0;
  one.next = one.left === 0 ? 'drop' : 'head';
}

/** Whether it waits until nobody reads any more what its mark did not find. */
export function mustWait({ next, runs }: Actor, { cycle, now }: World, { hold }: Rules): boolean {
  return next === 'run' && runs > 0 && cycle.phase === 'holding' && now < cycle.ended + hold;
}

/** Its run ends here, or is broken off: what is written down is all that the next one knows. */
export function rest(one: Actor, runs: number): void {
  Object.assign(one, actor({ name: one.name, program: one.program, next: 'run', dies: one.dies, runs }));
}

function writeDown(state: World, { cycle: number, marks, at: began }: Actor, phase: Phase): void {
  if (phase === 'marking') state.cycle = { number: number + 1, phase, marks: 0, began: 0, ended: 0 };
  else state.cycle = { number, phase, marks, began, ended: state.now };
}
