/** An object store in memory, with a clock that tests set and a turn before each call, at which others may go first. */
import { Readable } from 'node:stream';
import { checkObjectName } from '#server/store/object-path.ts';
import type { ObjectHead, ObjectStore } from '#server/store/object-store.ts';

const CHUNK = 64 * 1024;

interface Kept {
  bytes: Buffer;
  etag: string;
  modified: number;
}

/** What is stored; it outlives the stores that processes have on it. */
export class Bucket {
  readonly objects = new Map<string, Kept>();
  #versions = 0;
  #names: string[] | undefined;

  keep(name: string, bytes: Buffer, modified: number): Kept {
    const kept = { bytes: Buffer.from(bytes), etag: `v${++this.#versions}`, modified };
    if (!this.objects.has(name)) this.#names = undefined;
    this.objects.set(name, kept);
    return kept;
  }

  drop(name: string): boolean {
    this.#names = undefined;
    return this.objects.delete(name);
  }

  /** Its bytes are not what they were, and nobody has been told. */
  rot(name: string): void {
    const kept = this.objects.get(name);
    if (kept === undefined) return;
    const bytes = Buffer.from(kept.bytes);
    const at = Math.floor(bytes.length / 2);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 0x40, at);
    this.objects.set(name, { ...kept, bytes });
  }

  /** In byte order. */
  names(prefix = ''): string[] {
    this.#names ??= [...this.objects.keys()].sort();
    return this.#names.filter((name) => name.startsWith(prefix));
  }
}

export interface MemoryStoreOptions {
  now?: () => number;
  /** Awaited before each call to the store. */
  turn?: (what: string) => Promise<void>;
  /** Names in a page of a listing: between two pages others may go first. */
  page?: number;
}

export function createMemoryStore(bucket: Bucket, options: MemoryStoreOptions = {}): ObjectStore {
  const { now = Date.now, turn = async () => {}, page = 1_000 } = options;
  const headOf = (name: string, { bytes, etag, modified }: Kept): ObjectHead => ({
    name,
    size: bytes.length,
    etag,
    modified,
  });
  const go = async (call: string, name: string) => {
    checkObjectName(name);
    await turn(`${call} ${name}`);
  };
  const find = (name: string, ifMatch: string | undefined): Kept | 'changed' | undefined => {
    const kept = bucket.objects.get(name);
    return kept !== undefined && ifMatch !== undefined && kept.etag !== ifMatch ? 'changed' : kept;
  };
  return {
    atomicCreate: true,
    doubtedBefore: 0,
    async now() {
      return now();
    },
    async head(name) {
      await go('head', name);
      const kept = bucket.objects.get(name);
      return kept && headOf(name, kept);
    },
    async get(name, { ifMatch, into } = {}) {
      await go('get', name);
      const kept = find(name, ifMatch);
      if (kept === undefined || kept === 'changed') return kept;
      if (into?.bytes.length !== kept.bytes.length) return { ...kept, bytes: ownCopy(kept.bytes) };
      kept.bytes.copy(into.bytes);
      return { ...kept, bytes: into.bytes };
    },
    async read(name, start, end, { ifMatch } = {}) {
      await go('read', name);
      const kept = find(name, ifMatch);
      if (kept === undefined || kept === 'changed') return kept;
      return Readable.from(chunksOf(kept.bytes.subarray(start, end)));
    },
    async put(name, bytes, { ifAbsent = false } = {}) {
      await go('put', name);
      if (ifAbsent && bucket.objects.has(name)) return 'exists';
      return { etag: bucket.keep(name, bytes, now()).etag };
    },
    async putStream(name, source) {
      checkObjectName(name);
      const pieces: Uint8Array[] = [];
      for await (const piece of source) pieces.push(piece);
      await go('put', name);
      const bytes = Buffer.concat(pieces);
      return { etag: bucket.keep(name, bytes, now()).etag, size: bytes.length };
    },
    async delete(name, { ifMatch, modified } = {}) {
      await go('delete', name);
      const kept = bucket.objects.get(name);
      if (kept === undefined || (ifMatch !== undefined && kept.etag !== ifMatch)) return false;
      if (modified !== undefined && kept.modified !== modified) return false;
      return bucket.drop(name);
    },
    async *list(prefix) {
      for (let last = ''; ; ) {
        await turn(`list ${prefix}`);
        const names = bucket.names(prefix).filter((name) => name > last);
        const heads = names.slice(0, page).flatMap((name) => {
          const kept = bucket.objects.get(name);
          return kept === undefined ? [] : [headOf(name, kept)];
        });
        yield* heads;
        if (names.length <= page) return;
        last = heads.at(-1)?.name ?? last;
      }
    },
    async close() {},
  };
}

/** No pool is behind it. */
function ownCopy(bytes: Buffer): Buffer {
  const copy = Buffer.alloc(bytes.length);
  bytes.copy(copy);
  return copy;
}

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += CHUNK) yield ownCopy(bytes.subarray(at, at + CHUNK));
}
