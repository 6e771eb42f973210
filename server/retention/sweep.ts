/**
 * Sweep: condemns what a mark did not find and is older than the grace, and deletes what an earlier cycle condemned and this mark
 * did not find either. Only the version that was condemned is deleted: whoever needs it meanwhile puts it again.
 */
import {
  condemnedObject,
  detailObject,
  type SharedArea,
  segmentObject,
} from '#protocol/format/object-name.ts';
import { isFault } from '#protocol/wire/errors.ts';
import { eachRef, encodeRefs, holdsVersion, REF_BYTES } from '../entries/refs.ts';
import type { ObjectHead } from '../store/object-store.ts';
import type { Cycle } from './cycle.ts';
import { Marks } from './marks.ts';
import { domainOf, domainPartOf, type RetentionParts } from './parts.ts';
import { eachAtMost } from './width.ts';

const AREAS: readonly SharedArea[] = ['segments', 'details'];
/** Identities in one list. */
const LIST_REFS = 10_000;
/** What one cycle condemns at most: every server that saves keeps the lists in memory. The next cycle goes on. */
const CYCLE_REFS = 500_000;
/** Objects that are looked at and deleted at once. */
const WIDTH = 16;
const IDENTITY = /^[0-9a-f]{64}$/;

/** How many objects were condemned. Throws the signal's reason. */
export async function condemn(parts: RetentionParts, cycle: Cycle, signal: AbortSignal): Promise<number> {
  const lists = await ListWriter.behind(parts, cycle);
  for (const area of AREAS) {
    await condemnArea(parts, cycle, lists, area, signal);
    await lists.write();
    if (lists.written >= CYCLE_REFS) break;
  }
  return lists.written;
}

async function condemnArea(
  { store, lifetimes }: RetentionParts,
  { marks, began }: Cycle,
  lists: ListWriter,
  area: SharedArea,
  signal: AbortSignal,
): Promise<void> {
  // A million of them pass here: nothing is made for each that need not be.
  const ref = Buffer.alloc(REF_BYTES);
  for await (const { name, modified } of store.list(`${area}/`)) {
    if (modified + lifetimes.grace > began) continue;
    const identity = identityIn(name, area);
    if (identity === undefined) continue;
    const domain = domainPartOf(name);
    ref.write(identity, 'hex');
    if (marks.has(domain, ref) || lists.pending.has(domain, ref)) continue;
    signal.throwIfAborted();
    await lists.add(domain, area, identity);
    if (lists.written >= CYCLE_REFS) return;
  }
}

/** The identity that a name ends in; undefined for what somebody else has put there. */
function identityIn(name: string, area: SharedArea): string | undefined {
  const identity = name.slice(-2 * REF_BYTES);
  if (!IDENTITY.test(identity)) return undefined;
  const rest = area === 'segments' ? `/${identity.slice(0, 2)}/${identity}` : `/${identity}`;
  const parts = area === 'segments' ? 4 : 3;
  return name.endsWith(rest) && name.split('/', parts + 1).length === parts ? identity : undefined;
}

/** Writes what is condemned, some thousand identities of one domain and area a list. */
class ListWriter {
  written = 0;
  /** What is condemned already and waits for its cycle. */
  readonly pending: Marks;
  readonly #store: RetentionParts['store'];
  readonly #cycle: number;
  #next: number;
  #of: { domain: string; area: SharedArea } | undefined;
  #identities: string[] = [];

  constructor(store: RetentionParts['store'], cycle: number, next: number, pending: Marks) {
    this.#store = store;
    this.#cycle = cycle;
    this.#next = next;
    this.pending = pending;
  }

  /** Behind the lists that a run of this cycle has left which did not come to its end. */
  static async behind({ store }: RetentionParts, { number }: Cycle): Promise<ListWriter> {
    let bytes = 0;
    let next = 0;
    for await (const { name, size } of store.list('condemned/')) {
      bytes += size;
      if (cycleOf(name) === number) next += 1;
    }
    const pending = Marks.for(bytes / REF_BYTES, `pending ${number}`);
    for await (const { name } of store.list('condemned/')) {
      const found = await store.get(name);
      if (found !== undefined && found !== 'changed') pending.add(domainPartOf(name), found.bytes);
    }
    return new ListWriter(store, number, next, pending);
  }

  async add(domain: string, area: SharedArea, identity: string): Promise<void> {
    const full = this.#identities.length >= LIST_REFS;
    if (full || this.#of?.domain !== domain || this.#of.area !== area) await this.write();
    this.#of ??= { domain, area };
    this.#identities.push(identity);
    this.written += 1;
  }

  async write(): Promise<void> {
    const of = this.#of;
    if (of === undefined) return;
    const list = condemnedObject(of.domain, of.area, this.#cycle, this.#next++);
    await this.#store.put(list, encodeRefs(this.#identities), { durable: true });
    this.#of = undefined;
    this.#identities = [];
  }
}

/** Deletes, by a mark that began after those lists were written. Throws the signal's reason. */
export async function deleteCondemned(
  parts: RetentionParts,
  cycle: Cycle,
  signal: AbortSignal,
): Promise<{ deleted: number; spared: number; bytes: number }> {
  const { store, lifetimes } = parts;
  const figures = { deleted: 0, spared: 0, bytes: 0 };
  for await (const list of store.list('condemned/')) {
    // By its age, not its number: a worker that was given up for dead may have written it since, and not all have heard of it.
    if (list.modified + lifetimes.hold > cycle.began) continue;
    const found = await store.get(list.name);
    if (found === undefined || found === 'changed') continue;
    await eachAtMost(WIDTH, identitiesOf(found.bytes), signal, async (identity) => {
      const bytes = await deleteOne(parts, cycle, { ...list, refs: found.bytes }, identity);
      if (bytes === undefined) figures.spared += 1;
      else {
        figures.deleted += 1;
        figures.bytes += bytes;
      }
    });
    await store.delete(list.name);
  }
  return figures;
}

/** Its bytes; undefined where it stays, or was not there. */
async function deleteOne(
  { store, index, lifetimes }: RetentionParts,
  { marks }: Cycle,
  list: ObjectHead & { refs: Buffer },
  identity: string,
): Promise<number | undefined> {
  const domain = domainPartOf(list.name);
  if (marks.has(domain, Buffer.from(identity, 'hex'))) return undefined;
  const area = list.name.split('/')[2] as SharedArea;
  const name = objectOf(domain, area, identity);
  const head = await store.head(name);
  if (head === undefined || !holdsVersion(list, identity, head.modified, lifetimes.grace)) return undefined;
  // By its time too: a bucket's ETag may be the same for the same bytes put again.
  if (!(await store.delete(name, { ifMatch: head.etag, modified: head.modified }))) return undefined;
  if (area === 'segments') await forget(index, domainOf(list.name), identity);
  return head.size;
}

// A row without its segment is found to be one by whoever asks the store; retention goes on where the index is away.
async function forget(index: RetentionParts['index'], domain: string, identity: string): Promise<void> {
  try {
    await index.removeSegment(domain, identity);
  } catch (error) {
    if (!isFault(error, 'INDEX_FAILED')) throw error;
  }
}

async function* identitiesOf(refs: Buffer): AsyncGenerator<string> {
  yield* eachRef(refs);
}

/** `domain` as it stands in names: no other encoding of it is needed, nor possible where it is shortened. */
function objectOf(domain: string, area: SharedArea, identity: string): string {
  const [, , ...rest] = (area === 'segments' ? segmentObject : detailObject)('', identity).split('/');
  return [area, domain, ...rest].join('/');
}

function cycleOf(list: string): number {
  return Number.parseInt(list.slice(list.lastIndexOf('/') + 1), 10);
}
