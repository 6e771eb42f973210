/**
 * The job `scrub`: reads everything that is stored and verifies it, at a bounded rate. What is damaged is quarantined, so that its
 * name is free and the next save brings it again; an entry that needed it is retired by the next look-up. A run takes a bounded
 * time and writes down how far it came; the next one goes on.
 */
import { detailObject, segmentObject } from '#protocol/format/object-name.ts';
import type { ObjectHead } from '../store/object-store.ts';
import { domainOf, type RetentionParts } from './parts.ts';

const OBJECT = 'retention/scrub';
const CHECKPOINT_MS = 60_000;

interface Pass {
  /** The last object that was read. */
  cursor: string;
  objects: number;
  bytes: number;
  damaged: number;
  /** When it ended, by the store's clock; 0 while it is under way. */
  ended: number;
}

const FIRST: Pass = { cursor: '', objects: 0, bytes: 0, damaged: 0, ended: 0 };

/** `isAsked`: somebody wants a pass now. Throws the signal's reason. */
export async function scrub(parts: RetentionParts, isAsked: boolean, signal: AbortSignal): Promise<void> {
  const { store, clock, scrub: limits, observer } = parts;
  let pass = await readPass(store);
  if (pass.ended > 0) {
    if (!isAsked && (await store.now()) < pass.ended + limits.every) return;
    pass = { ...FIRST };
  }
  const begun = clock();
  const before = pass.bytes;
  let checkpoint = begun;
  for await (const head of stored(parts, pass.cursor)) {
    signal.throwIfAborted();
    if (!(await isSound(parts, head))) pass.damaged += 1;
    pass.objects += 1;
    pass.bytes += head.size;
    pass.cursor = head.name;
    if (clock() - begun >= limits.run) return await writePass(store, pass);
    if (clock() - checkpoint >= CHECKPOINT_MS) {
      await writePass(store, pass);
      checkpoint = clock();
    }
    const due = begun + ((pass.bytes - before) / limits.bytesPerSecond) * 1000;
    if (due > clock()) await parts.wait(due - clock(), signal);
  }
  await writePass(store, { ...pass, ended: await store.now() });
  const { objects, bytes, damaged } = pass;
  observer.scrubbed({ objects, bytes, damaged });
}

/** Details come before segments in the order of names. */
async function* stored({ store }: RetentionParts, cursor: string): AsyncGenerator<ObjectHead> {
  for (const prefix of ['details/', 'segments/']) {
    for await (const head of store.list(prefix)) if (head.name > cursor && isOurs(head.name)) yield head;
  }
}

// What somebody else has put there, and what belongs to a domain whose name had to be shortened.
function isOurs(name: string): boolean {
  try {
    const identity = name.slice(name.lastIndexOf('/') + 1);
    const object = name.startsWith('details/') ? detailObject : segmentObject;
    return object(domainOf(name), identity) === name;
  } catch {
    return false;
  }
}

/** What went away meanwhile was not damaged. */
async function isSound({ entries, store }: RetentionParts, { name }: ObjectHead): Promise<boolean> {
  const domain = domainOf(name);
  const identity = name.slice(name.lastIndexOf('/') + 1);
  if ((await store.head(name)) === undefined) return true;
  return name.startsWith('details/')
    ? await entries.examineDetail(domain, identity)
    : await entries.examine(domain, identity);
}

async function readPass(store: RetentionParts['store']): Promise<Pass> {
  const found = await store.get(OBJECT);
  if (found === undefined || found === 'changed') return { ...FIRST };
  try {
    return { ...FIRST, ...(JSON.parse(found.bytes.toString()) as Partial<Pass>) };
  } catch {
    return { ...FIRST };
  }
}

async function writePass(store: RetentionParts['store'], pass: Pass): Promise<void> {
  await store.put(OBJECT, Buffer.from(JSON.stringify(pass)));
}
