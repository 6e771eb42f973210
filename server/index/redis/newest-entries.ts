/**
 * The newest entries of several places together: what a list shows. Not a script, because it looks at thousands of members
 * where a thousand entries are wanted, and Redis does nothing else while a script runs. So what is put or removed meanwhile may
 * be there or not.
 *
 * It goes down the order (order.ts) level by level. Of a level only so many blocks are looked into as entries are wanted: those
 * whose newest are newest, because each of them has one entry at least that is newer than all of the others.
 */
import type { RedisClient } from '../../redis/connect.ts';
import type { DomainKeys } from './keys.ts';
import { LEVELS } from './order.ts';

type Ask = <T>(question: (client: RedisClient) => Promise<T>) => Promise<T>;

/** Members from one on up to another, which is excluded; `isOpen` where `to` is a text, and all that begin with it are meant too. */
interface Run {
  from: string;
  to: string;
  isOpen: boolean;
}

interface Stamped {
  /** When and id: the greater, the newer. */
  stamp: string;
}

type Block = Run & Stamped;

/** Commands that Redis is sent at once. */
const AT_ONCE = 100;
/** Fields of one command. */
const FIELDS = 500;
const WHEN_CHARACTERS = 12;
/** Greater than every text: no byte of UTF-8 is 255. */
const END = Buffer.of(0xff);

/** Ids and rows, the newest first. A place is a shelf and what keys on it begin with. */
export async function newestEntries(
  ask: Ask,
  { order, newest, rows }: DomainKeys,
  places: readonly string[],
  limit: number,
): Promise<[id: string, row: string][]> {
  let runs: Run[] = places.map((place) => ({ from: place, to: place, isOpen: true }));
  let blocks: Block[] = [];
  for (let level = LEVELS; level > 0; level -= 1) {
    const inside = await membersOf(ask, order, level, [...blocks, ...runs]);
    const lower: Run[] = blocks.flatMap((block, at) => blocksOf(inside[at] ?? [], block));
    const left: Run[] = [];
    for (const [at, run] of runs.entries()) {
      const found = inside[blocks.length + at] ?? [];
      const [first, last] = [found[0], found.at(-1)];
      if (first === undefined || last === undefined) {
        left.push(run);
        continue;
      }
      if (first !== run.from) left.push({ from: run.from, to: first, isOpen: false });
      left.push({ ...run, from: last });
      lower.push(...blocksOf(found.slice(0, -1), { from: first, to: last, isOpen: false }));
    }
    const stamps = await fieldsOf(
      ask,
      newest,
      lower.map(({ from }) => level + from),
    );
    blocks = newestFirst(
      lower.map((block, at) => ({ ...block, stamp: stamps[at] ?? '' })),
      limit,
    );
    runs = left;
  }
  const members = await membersOf(ask, order, 0, [...blocks, ...runs]);
  const entries = newestFirst(
    members.flat().map((member) => ({ stamp: stampOf(member) })),
    limit,
  );
  const ids = entries.map(({ stamp }) => stamp.slice(WHEN_CHARACTERS));
  const values = await fieldsOf(ask, rows, ids);
  return ids.flatMap((id, at): [string, string][] => {
    const row = values[at];
    return row === undefined || row === null ? [] : [[id, row]];
  });
}

/** Of each run its members, without their level. */
async function membersOf(ask: Ask, order: string, level: number, runs: readonly Run[]): Promise<string[][]> {
  const found: string[][] = [];
  for (let at = 0; at < runs.length; at += AT_ONCE) {
    const piece = runs.slice(at, at + AT_ONCE);
    const answers = await ask((client) =>
      Promise.all(
        piece.map(({ from, to, isOpen }) => {
          const end = Buffer.from(`(${level}${to}`);
          return client.zrangebylex(order, `[${level}${from}`, isOpen ? Buffer.concat([end, END]) : end);
        }),
      ),
    );
    found.push(...answers.map((members) => members.map((member) => member.slice(1))));
  }
  return found;
}

async function fieldsOf(ask: Ask, key: string, fields: readonly string[]): Promise<(string | null)[]> {
  const values: (string | null)[] = [];
  for (let at = 0; at < fields.length; at += FIELDS) {
    values.push(...(await ask((client) => client.hmget(key, ...fields.slice(at, at + FIELDS)))));
  }
  return values;
}

/** The blocks that begin at these members, the last of which ends where the run does. */
function blocksOf(members: readonly string[], run: Run): Run[] {
  return members.map((from, at) => {
    const next = members[at + 1];
    return next === undefined ? { ...run, from } : { from, to: next, isOpen: false };
  });
}

function newestFirst<T extends Stamped>(list: T[], limit: number): T[] {
  return list.sort((a, b) => (a.stamp < b.stamp ? 1 : -1)).slice(0, limit);
}

function stampOf(member: string): string {
  return member.slice(member.indexOf('\0') + 1);
}
