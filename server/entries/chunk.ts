/**
 * Bytes on their way from a store to a reader. Most are the taker's own; those of the hot tier lie in memory that others read too
 * and that is used again, so whoever takes a chunk says when he needs it no more: when its bytes have left, and not before.
 */
import type { Readable } from 'node:stream';
import { letGo } from './let-go.ts';

export interface Chunk {
  bytes: Buffer;
  /** Once, and always: also where the reader has gone. */
  release(): void;
}

/** Chunks in order. `return` for who leaves early; an async generator is one. */
export interface Chunks extends AsyncIterable<Chunk> {
  next(): Promise<IteratorResult<Chunk, undefined>>;
  return(value?: undefined): Promise<IteratorResult<Chunk, undefined>>;
}

/** A stream that lends its bytes where they lie. As a stream it gives copies, which are the taker's. */
export interface Lending {
  /** Bytes that there will be. */
  readonly length: number;
  /** In place of reading the stream. */
  lend(): Chunks;
}

export function isLending(stream: Readable): stream is Readable & Lending {
  return 'lend' in stream;
}

/** A chunk that is all the taker's. */
export function ownChunk(bytes: Buffer): Chunk {
  return { bytes, release: () => letGo(bytes) };
}
