/**
 * Where retention's cycle stands, kept in the store (`retention/cycle`) so that any worker takes it up:
 *
 *     marking      what entries and open sessions need is marked
 *     condemning   what is not marked, and old, is condemned
 *     holding      for some hours nothing happens; then what an earlier cycle condemned, and this mark did not find either,
 *                  is deleted, and the next cycle may begin
 *
 * A phase that is broken off is done again, or goes on where it last wrote down how far it was. Two workers at once do no harm: a
 * mark that began after a list of the condemned was written is a judge of that list, whoever made it (test/server/model).
 */
import { buffer } from 'node:stream/consumers';
import type { ObjectStore } from '../store/object-store.ts';
import { Marks } from './marks.ts';

const OBJECT = 'retention/cycle';
const VERSION = 1;
const NEWLINE = 0x0a;
/** More than a header ever takes: the name of an entry is its longest part. */
const HEADER_BYTES = 8 * 1024;

export interface Cycle {
  number: number;
  phase: 'marking' | 'condemning' | 'holding' | 'complete';
  /** When its mark began, by the store's clock. */
  began: number;
  /** When it had condemned. */
  ended: number;
  /** The last entry that was marked, while marking. */
  cursor: string;
  figures: { entries: number; refs: number; sessions: number };
  marks: Marks;
}

interface Header extends Omit<Cycle, 'marks'> {
  version: number;
  salt: string;
}

/** Undefined where there was none yet, or one that another version wrote. */
export async function readCycle(store: ObjectStore): Promise<Cycle | undefined> {
  const found = await store.get(OBJECT);
  if (found === undefined || found === 'changed') return undefined;
  const header = headerOf(found.bytes);
  if (header === undefined) return undefined;
  const { version: _, salt, ...cycle } = header;
  return { ...cycle, marks: new Marks(salt, found.bytes.subarray(found.bytes.indexOf(NEWLINE) + 1)) };
}

/** As {@link readCycle}, without the marks, which may have 64 MiB: to see whether there is anything to do. */
export async function readProgress(store: ObjectStore): Promise<Omit<Cycle, 'marks'> | undefined> {
  const stream = await store.read(OBJECT, 0, HEADER_BYTES);
  return stream === undefined || stream === 'changed' ? undefined : headerOf(await buffer(stream));
}

function headerOf(bytes: Buffer): Header | undefined {
  try {
    const header = JSON.parse(bytes.toString('utf8', 0, bytes.indexOf(NEWLINE))) as Header;
    return header.version === VERSION ? header : undefined;
  } catch {
    return undefined;
  }
}

export async function writeCycle(store: ObjectStore, { marks, ...cycle }: Cycle): Promise<void> {
  const header: Header = { version: VERSION, salt: saltOf(cycle), ...cycle };
  await store.put(OBJECT, Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), marks.bytes]));
}

/** Differs from cycle to cycle, so that what a filter spares by mistake is another time another. */
export function saltOf({ number, began }: Pick<Cycle, 'number' | 'began'>): string {
  return `${number} ${began}`;
}
