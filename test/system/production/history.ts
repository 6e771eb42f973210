/**
 * What clients did and heard, and what must hold of it (hardening.md, "Faults"): a hit is exactly what was committed under its key,
 * else it is a miss; and what was committed is there when all is well again.
 */

/** Names what was saved: no two contents have the same. */
export type Content = string;

interface Operation {
  key: string;
  /** Of the whole run, in milliseconds. */
  begun: number;
  ended: number;
}

export interface Save extends Operation {
  op: 'save';
  content: Content;
  /** `committed`: it was said that this is what the key holds now. `lost`: no answer, so that nobody knows. */
  outcome: 'committed' | 'exists' | 'refused' | 'lost';
}

export interface Restore extends Operation {
  op: 'restore';
  /**
   * `hit`: its archive came whole, and was `content`; undefined for one that nobody ever saved. `hole`: a hit whose archive was
   * not there. `failed`: no answer, or one that says that it failed.
   */
  outcome: 'hit' | 'hole' | 'miss' | 'failed';
  content?: Content | undefined;
}

export type History = readonly (Save | Restore)[];

export interface Violation {
  kind: 'foreign' | 'changed' | 'hole' | 'lost';
  why: string;
}

/** `calm`: from then on nothing was disturbed; a committed key that misses after it has been lost. */
export function violations(history: History, calm: number): Violation[] {
  const keys = Map.groupBy(history, ({ key }) => key);
  return [...keys.values()].flatMap((operations) => violationsOf(operations, calm));
}

function violationsOf(operations: History, calm: number): Violation[] {
  const saves = operations.filter((one) => one.op === 'save');
  const restores = operations.filter((one) => one.op === 'restore');
  const [first] = saves
    .filter(({ outcome }) => outcome === 'committed')
    .sort((one, other) => one.ended - other.ended);
  const found: Violation[] = [];
  for (const other of saves) {
    if (other.outcome === 'committed' && other.content !== first?.content)
      found.push({
        kind: 'changed',
        why: `${other.key}: ${first?.content} was committed, and ${other.content} too`,
      });
  }
  for (const restore of restores) {
    const { key, content, outcome } = restore;
    if (outcome === 'hole')
      found.push({ kind: 'hole', why: `${key}: a hit whose archive was not there (at ${restore.begun})` });
    if (outcome === 'miss' && first !== undefined && first.ended < restore.begun && restore.begun >= calm)
      found.push({
        kind: 'lost',
        why: `${key}: ${first.content} was committed at ${first.ended} and is lost`,
      });
    if (outcome !== 'hit') continue;
    const tried = saves.some((save) => save.content === content && save.begun < restore.ended);
    if (!tried)
      found.push({ kind: 'foreign', why: `${key}: a hit was ${content ?? 'nothing that was ever saved'}` });
    else if (first !== undefined && first.ended < restore.begun && content !== first.content)
      found.push({
        kind: 'changed',
        why: `${key}: ${first.content} was committed, and a hit was ${content}`,
      });
  }
  return found;
}

/** How often each thing came out. */
export function counts(history: History): Record<string, number> {
  const groups = Map.groupBy(history, ({ op, outcome }) => `${op} ${outcome}`);
  return Object.fromEntries([...groups].map(([name, all]): [string, number] => [name, all.length]).sort());
}
