/**
 * A save: it opens a session, is told what the store has, sends the rest, and commits (server/entries/save-session.ts, admit.ts
 * and commit.ts). What is condemned is read first and may be remembered for seconds, so no tick comes between that and the list.
 */

import {
  type Actor,
  condemnedNow,
  end,
  firstOf,
  isCondemned,
  keepList,
  nameOf,
  namesOf,
  put,
  type Rules,
  type World,
} from './state.ts';
import type { Program } from './steps.ts';

function go(one: Actor, next: string, left = 0): void {
  one.next = next;
  one.left = left;
}

/** Takes the first segment that is left for this step. */
function take(one: Actor): number {
  const segment = firstOf(one.left);
  one.left &= ~(1 << segment);
  return segment;
}

function looks(state: World, one: Actor, rules: Rules, segment: number): 'absent' | 'condemned' | 'there' {
  const found = state.segments[segment] ?? null;
  if (found === null) return 'absent';
  return rules.condemnedLacks && isCondemned(one.seen, segment, found, rules) ? 'condemned' : 'there';
}

/** Ends the save; what it has told nobody of does not matter any more. */
function refused(one: Actor, why: string): string {
  end(one);
  return `${one.name}: ${why}`;
}

function missing(state: World, one: Actor, segment: number, { stall }: Rules): string {
  const bit = 1 << segment;
  if (one.told & bit && !(state.harmed & bit) && stall !== Number.POSITIVE_INFINITY) {
    state.broken = `${one.name} was told to have ${nameOf(segment)}, and its commit does not find it`;
  }
  return refused(one, `the commit finds no ${nameOf(segment)} and is refused`);
}

export const saver: Program = {
  open(state, one, rules) {
    Object.assign(one, { at: state.now, since: state.now, seen: condemnedNow(state) });
    if (rules.listBeforeAnswer) go(one, 'list');
    else go(one, 'look', one.needs);
    return `${one.name} opens a session and asks for ${namesOf(one.needs)}: what is condemned is read`;
  },
  list(state, one, rules) {
    keepList(state, one.needs);
    one.asked = one.needs;
    if (rules.listBeforeAnswer) go(one, 'look', one.needs);
    else answered(one);
    return `${one.name}'s session gets a list of ${namesOf(one.needs)}`;
  },
  look(state, one, rules) {
    const segment = take(one);
    const found = looks(state, one, rules, segment);
    if (found === 'there') one.told |= 1 << segment;
    if (one.left === 0) {
      if (rules.listBeforeAnswer) answered(one);
      else one.next = 'list';
    }
    return `${one.name} is told ${found === 'there' ? '"have it"' : `"lacking" (${found})`} of ${nameOf(segment)}`;
  },

  send(state, one) {
    one.since = state.now;
    const segment = firstOf(one.left);
    if (state.segments[segment]) {
      one.next = 'sendSees';
      return `${one.name} sends ${nameOf(segment)}: the store has one already`;
    }
    put(state, segment);
    return sent(one, `${one.name} sends ${nameOf(segment)}, which is stored`);
  },
  sendSees(state, one) {
    one.seen = condemnedNow(state);
    one.next = 'sendLooks';
    return `what is condemned is read for ${one.name}'s ${nameOf(firstOf(one.left))}`;
  },
  sendLooks(state, one, rules) {
    const segment = firstOf(one.left);
    const found = state.segments[segment] ?? null;
    if (found === null) {
      one.next = 'send';
      return `${one.name}'s ${nameOf(segment)} is gone by now, and is sent again`;
    }
    if (found.bad && rules.quarantines) {
      state.segments[segment] = null;
      one.next = 'send';
      return `the stored ${nameOf(segment)} is found damaged as ${one.name} sends it, and taken away`;
    }
    if (rules.sentAgainIsPut && isCondemned(one.seen, segment, found, rules)) {
      one.next = 'sendPuts';
      return `the stored ${nameOf(segment)} is condemned`;
    }
    return sent(one, `${one.name}'s ${nameOf(segment)} need not be stored again`, one.asked);
  },
  sendPuts(state, one) {
    const segment = firstOf(one.left);
    put(state, segment);
    return sent(one, `${one.name}'s ${nameOf(segment)} is put over the condemned one`);
  },

  commit(state, one, rules) {
    if (state.now - one.at > rules.session) return refused(one, 'the session is too old for a commit');
    one.since = state.now;
    one.seen = condemnedNow(state);
    go(one, rules.commitLists ? 'commitLists' : 'check', rules.commitLists ? 0 : one.needs);
    return `${one.name} commits: what is condemned is read`;
  },
  commitLists(state, one) {
    keepList(state, one.needs);
    go(one, 'check', one.needs);
    return `the commit of ${one.name} writes a list of ${namesOf(one.needs)}`;
  },
  check(state, one, rules) {
    const segment = firstOf(one.left);
    const found = looks(state, one, rules, segment);
    if (found === 'absent') return missing(state, one, segment, rules);
    if (found === 'condemned' && rules.commitRenews) {
      one.next = 'renew';
      return `the commit of ${one.name} finds ${nameOf(segment)} condemned`;
    }
    take(one);
    if (one.left === 0) one.next = manifestStep(rules);
    return `the commit of ${one.name} finds ${nameOf(segment)}`;
  },
  renew(state, one, rules) {
    const segment = firstOf(one.left);
    const found = state.segments[segment] ?? null;
    if (found === null) {
      if (one.version === 0) return missing(state, one, segment, rules);
      one.next = 'takeBack';
      return `${one.name} finds ${nameOf(segment)} gone`;
    }
    one.next = 'renewPuts';
    return `the commit of ${one.name} reads the condemned ${nameOf(segment)}`;
  },
  renewPuts(state, one, rules) {
    const segment = take(one);
    put(state, segment);
    if (one.version !== 0 && one.left === 0) return stands(state, one);
    if (one.version !== 0) one.next = 'lookAgain';
    else one.next = one.left === 0 ? manifestStep(rules) : 'check';
    return `the commit of ${one.name} puts ${nameOf(segment)} again`;
  },
  makeWay(state, one, rules) {
    const found = state.entries[one.key] ?? null;
    if (found?.version === one.version) state.entries[one.key] = null;
    one.next = manifestStep(rules);
    return `the earlier entry is retired for ${one.name}`;
  },
  // A mutant: the list first, which nothing binds to the manifest.
  refsFirst(state, one) {
    state.refs[one.key] = { of: 0, has: one.needs };
    one.next = 'manifest';
    return `${one.name}'s list is written beside the entry`;
  },
  manifest(state, one, rules) {
    const found = state.entries[one.key] ?? null;
    if (found !== null) {
      const whole = (found.needs & ~thereMask(state)) === 0;
      if (whole || !rules.holesMakeWay) return refused(one, 'the key has an entry: the first one wins');
      one.version = found.version;
      one.next = 'makeWay';
      return `the commit of ${one.name} finds an earlier entry that is not whole`;
    }
    one.version = ++state.versions;
    state.entries[one.key] = { version: one.version, needs: one.needs, stands: false };
    one.next = rules.refsAreBound ? 'refs' : 'again';
    return `${one.name}'s manifest of ${namesOf(one.needs)} is written`;
  },
  refs(state, one) {
    state.refs[one.key] = { of: one.version, has: one.needs };
    one.next = 'again';
    return `${one.name}'s list is written beside its entry`;
  },
  again(state, one, { secondLook, hold }) {
    if (secondLook && state.now - one.since >= hold) {
      one.seen = condemnedNow(state);
      go(one, 'lookAgain', one.needs);
      return `${one.name}'s commit has taken long: what is condemned is read once more`;
    }
    return stands(state, one);
  },
  lookAgain(state, one, rules) {
    const segment = firstOf(one.left);
    const found = looks(state, one, rules, segment);
    one.next = { absent: 'takeBack', condemned: 'renew', there: 'lookAgain' }[found];
    if (found === 'there') {
      take(one);
      if (one.left === 0) return stands(state, one);
    }
    return `${one.name} looks once more: ${nameOf(segment)} is ${found}`;
  },
  takeBack(state, one) {
    const found = state.entries[one.key] ?? null;
    if (found?.version === one.version) state.entries[one.key] = null;
    return refused(one, 'takes its entry back');
  },
};

/** The commit is answered. */
function stands(state: World, one: Actor): string {
  const found = state.entries[one.key] ?? null;
  if (found?.version === one.version) state.entries[one.key] = { ...found, stands: true };
  end(one);
  return `${one.name}'s commit is answered`;
}

function answered(one: Actor): void {
  const lacking = one.needs & ~one.told;
  one.since = -1;
  one.seen = [];
  go(one, lacking === 0 ? 'commit' : 'send', lacking);
}

/** What was stored already is promised to those only who asked. */
function sent(one: Actor, what: string, promised = -1): string {
  one.told |= (1 << take(one)) & promised;
  one.since = -1;
  one.seen = [];
  one.next = one.left === 0 ? 'commit' : 'send';
  return what;
}

function manifestStep({ refsAreBound }: Rules): string {
  return refsAreBound ? 'manifest' : 'refsFirst';
}

function thereMask({ segments }: World): number {
  return segments.reduce((mask, one, at) => (one === null ? mask : mask | (1 << at)), 0);
}
