/**
 * The object store: where segments, details and manifests live, and the only truth. A folder or an S3 bucket.
 *
 * What holds for every implementation (test/server/store/conformance.ts runs them all through it):
 * - An object is visible whole or not at all, at any moment and to every reader. A `put` that fails, or whose process
 *   dies, leaves the old state (or the new one, where only the answer was lost), and nothing else that `get`, `head` or
 *   `list` can see.
 * - `put` with `ifAbsent` succeeds for one writer and returns `exists` to the others, if `atomicCreate` says so; where it
 *   does not, two may succeed and the index arbitrates. `exists` may also be the answer to a writer who has won: the first
 *   answer was lost, and the store asked again.
 * - A missing object is `undefined`, never an error; an error (`STORE_FAILED`, `STORE_FULL`, or one that names a setting of
 *   the store) is never read as missing.
 * - Reads with `ifMatch` return `changed` rather than bytes of another version, and a `read` that has begun goes on in the
 *   version that it began in, whatever is put or deleted meanwhile.
 * - Names are '/'-separated, each part at most 200 bytes of printable ASCII without a space (protocol/format/object-name.ts
 *   makes them). No name is also the folder of another (`a` and `a/b`), and none begins with `tmp/`. Others are refused with
 *   `OBJECT_NAME_REFUSED`.
 * - Ages are the store's own: `modified` and `now()` come from one clock, to within a second.
 */
import type { Readable } from 'node:stream';

export interface ObjectHead {
  name: string;
  size: number;
  /** Changes with every overwrite by other bytes. In a folder also with the same ones; in a bucket it may tell bytes only. */
  etag: string;
  /** Milliseconds since 1970 by the store's clock. */
  modified: number;
}

/** Memory for an object whose size is known. */
export interface Into {
  bytes: Buffer;
  /** So many of its bytes are there, from the first on, and stay as they are. */
  grown?(count: number): void;
}

export interface ObjectStore {
  /** Whether `ifAbsent` is exact among concurrent writers. */
  readonly atomicCreate: boolean;
  /**
   * Objects modified before this, in milliseconds by the store's clock, may have lost bytes that were not yet on disk when
   * their machine stopped: they are verified at their first read. 0 where a `put` is always durable.
   */
  readonly doubtedBefore: number;
  /** Milliseconds since 1970 by the store's clock. */
  now(): Promise<number>;
  head(name: string): Promise<ObjectHead | undefined>;
  /**
   * The whole object in memory; for what is known to be small or bounded (a segment). The bytes are the caller's alone: it
   * may transfer them to another thread. With `into`, which goes with `ifMatch`, they are there, unless the object has another
   * size than that; nobody writes there any more when it has answered or failed.
   */
  get(
    name: string,
    options?: { ifMatch?: string; into?: Into },
  ): Promise<StoredObject | 'changed' | undefined>;
  /**
   * A run of bytes as a stream with back-pressure; `end` is exclusive. What lies behind the object's end is not there:
   * the stream is then shorter. `size`, of the whole object, is for who knows it and wants it kept near where that is done.
   */
  read(
    name: string,
    start: number,
    end: number,
    options?: { ifMatch?: string; size?: number },
  ): Promise<Readable | 'changed' | undefined>;
  /** `durable` waits until it survives a power cut (manifests); without it a crash may cost the last minute. */
  put(
    name: string,
    bytes: Buffer,
    options?: { ifAbsent?: boolean; durable?: boolean },
  ): Promise<{ etag: string } | 'exists'>;
  /**
   * Puts what `source` yields, however long it is, in place of what is there: for what need not fit into memory. Visible whole
   * when it answers, and not at all before. What the source throws is thrown, and then nothing of it is there. `expected` is
   * its length in bytes where that is known. What all such puts of a process hold in memory together is bounded.
   */
  putStream(
    name: string,
    source: AsyncIterable<Uint8Array>,
    options?: { expected?: number; durable?: boolean },
  ): Promise<{ etag: string; size: number }>;
  /**
   * With `ifMatch`, deletes that version only; with `modified`, only what was put at that time, which tells a later put of the
   * same bytes apart. True if something was deleted.
   *
   * Exact among the calls of one process. Among processes a folder, and a bucket without conditional deletes, may lose a version
   * that was put within the last moment (between a look and the deletion), and two deletions of one version may both say that they
   * did it.
   */
  delete(name: string, options?: { ifMatch?: string; modified?: number }): Promise<boolean>;
  /**
   * Every object whose name begins with `prefix`, in byte order of names; a page at a time inside. What is put or deleted
   * meanwhile may be there or not; all else is there once.
   */
  list(prefix: string): AsyncIterable<ObjectHead>;
  /**
   * A URL under which anybody may get that object for so many `seconds`, and headers that must come along: with `etag`, no other version
   * answers. Where the store has no such thing, it has no such method.
   */
  presign?(name: string, options: { seconds: number; etag?: string }): Promise<Presigned>;
  /** Absolute path of a file of this machine that holds that version, as good as `read` would serve it, if there is one. */
  file?(name: string, etag: string | undefined): Promise<string | undefined>;
  close(): Promise<void>;
}

export interface Presigned {
  url: string;
  headers: Record<string, string>;
}

export interface StoredObject {
  bytes: Buffer;
  etag: string;
  /** Milliseconds since 1970 by the store's clock. */
  modified: number;
}
