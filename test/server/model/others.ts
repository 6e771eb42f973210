/** Those who read, remove, check, and the disk that fails. */
import { end, firstOf, nameOf, namesOf } from './state.ts';
import type { Program } from './steps.ts';

/** A restore: it looks an entry up and reads its segments one after another, for as long as retention holds them. */
export const reader: Program = {
  lookUp(state, one) {
    const found = state.entries[one.key] ?? null;
    if (found === null) {
      end(one);
      return `${one.name} looks key ${one.key} up: a miss`;
    }
    Object.assign(one, { at: state.now, version: found.version, left: found.needs, next: 'read' });
    return `${one.name} looks key ${one.key} up: a hit, of ${namesOf(found.needs)}`;
  },
  read(state, one, rules) {
    const segment = firstOf(one.left);
    const found = state.segments[segment] ?? null;
    if (found !== null && !found.bad) {
      one.left &= ~(1 << segment);
      if (one.left === 0) end(one);
      return `${one.name} reads ${nameOf(segment)}`;
    }
    if (found === null && !(state.harmed & (1 << segment)) && state.now - one.at < Math.max(1, rules.hold)) {
      state.broken = `${one.name} had a hit and cannot read ${nameOf(segment)}`;
    }
    one.next = found === null ? 'retire' : 'quarantine';
    return `${one.name} finds ${nameOf(segment)} ${found === null ? 'gone' : 'damaged'} and says so`;
  },
  quarantine(state, one, rules) {
    const segment = firstOf(one.left);
    if (rules.quarantines && state.segments[segment]?.bad) state.segments[segment] = null;
    one.next = 'retire';
    return `${nameOf(segment)} is examined and taken away`;
  },
  retire(state, one, rules) {
    const { key, version } = one;
    if (rules.holesMakeWay && state.entries[key]?.version === version) state.entries[key] = null;
    end(one);
    return `the entry of key ${key} is retired for ${one.name}`;
  },
};

/** Takes an entry away that it has judged: eviction, removal, a hole that somebody met. */
export const remover: Program = {
  judge(state, one) {
    const found = state.entries[one.key] ?? null;
    one.version = found?.version ?? 0;
    if (found === null) end(one);
    else one.next = 'remove';
    return found === null
      ? `${one.name} finds no entry`
      : `${one.name} decides that the entry of key ${one.key} goes`;
  },
  remove(state, one, rules) {
    const { key, version, name } = one;
    const found = state.entries[key] ?? null;
    const same = found?.version === version;
    if (found !== null && (same || !rules.retiresVersion)) {
      state.entries[key] = null;
      if (!same) state.broken = `${name} has taken away an entry that it never judged`;
    }
    one.next = 'refs';
    return same ? `${name} deletes the entry of key ${key}` : `${name} comes too late for that entry`;
  },
  refs(state, one) {
    state.refs[one.key] = null;
    const { name } = one;
    end(one);
    return `${name} deletes the list beside it`;
  },
};

/** Reads a segment whole, and takes it away where it is damaged. */
export const scrubber: Program = {
  read(state, one) {
    const segment = firstOf(one.needs);
    const found = state.segments[segment] ?? null;
    if (!found?.bad) end(one);
    else Object.assign(one, { version: found.version, next: 'quarantine' });
    return `${one.name} reads ${nameOf(segment)}${found?.bad ? ': damaged' : ''}`;
  },
  quarantine(state, one, rules) {
    const segment = firstOf(one.needs);
    const same = state.segments[segment]?.version === one.version;
    if (same && rules.quarantines) state.segments[segment] = null;
    const { name } = one;
    end(one);
    return `${name} takes the damaged ${nameOf(segment)} away${same ? '' : ', but it has been replaced'}`;
  },
};
