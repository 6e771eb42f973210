/**
 * What one packing thread does: reads segments into its memory and names them, keeps them until main has learnt whether
 * the store lacks them, and compresses those that it does. The same engine runs in main where a thread is not worth it.
 */
import { sha256 } from '#protocol/format/digest.ts';
import { encodeStored } from '#protocol/format/frame.ts';
import type { Digest } from '#protocol/format/manifest.ts';
import { type Piece, SegmentMemory } from '#protocol/format/segment-memory.ts';
import type { FileAccess } from './file-access.ts';
import { type RootColumns, readSegment, type SegmentTask } from './pack-segment.ts';

export type ToEngine =
  /** `capacity`: bytes of raw segments that it may hold; `storedCapacity`: of stored ones, before it takes fresh memory. */
  | { type: 'roots'; roots: RootColumns[]; capacity: number; storedCapacity: number }
  | { type: 'read'; task: SegmentTask }
  /** What becomes of a segment that was read: compressed if it is lacking, then let go. */
  | { type: 'verdict'; id: number; lacking: boolean }
  /** What was stored is where it should be: its memory is used again. */
  | { type: 'sent'; id: number };

export type FromEngine =
  | { type: 'read'; id: number; identity: Digest; crc: number }
  /** In shared memory, which holds until it is sent; or (`fresh`) in memory of its own. */
  | { type: 'stored'; id: number; bytes: Uint8Array; fresh: boolean }
  /** Nothing can be read before a verdict frees memory. */
  | { type: 'waiting' };

export class PackEngine {
  readonly #files: FileAccess;
  readonly #post: (message: FromEngine) => void;
  #roots: RootColumns[] = [];
  #memory = new SegmentMemory(0);
  #storedMemory = new SegmentMemory(0);
  readonly #tasks: SegmentTask[] = [];
  readonly #verdicts: { id: number; lacking: boolean }[] = [];
  readonly #held = new Map<number, { piece: Piece; identity: Digest }>();
  readonly #unsent = new Map<number, Piece>();
  #waiting = false;

  constructor(files: FileAccess, post: (message: FromEngine) => void) {
    this.#files = files;
    this.#post = post;
  }

  receive(message: ToEngine): void {
    switch (message.type) {
      case 'roots':
        this.#roots = message.roots;
        this.#memory = new SegmentMemory(message.capacity);
        this.#storedMemory = new SegmentMemory(message.storedCapacity);
        break;
      case 'read':
        this.#tasks.push(message.task);
        break;
      case 'verdict':
        this.#verdicts.push(message);
        break;
      case 'sent': {
        const piece = this.#unsent.get(message.id);
        if (piece !== undefined) this.#storedMemory.release(piece);
        this.#unsent.delete(message.id);
      }
    }
  }

  /** Does one thing that can be done now; returns whether there was one. Verdicts first: they free memory. */
  work(): boolean {
    const verdict = this.#verdicts.shift();
    if (verdict !== undefined) {
      this.#finish(verdict.id, verdict.lacking);
      return true;
    }
    const task = this.#tasks[0];
    if (task === undefined) return false;
    const piece = this.#memory.take(task.raw);
    if (piece === undefined) {
      if (!this.#waiting) this.#post({ type: 'waiting' });
      this.#waiting = true;
      return false;
    }
    this.#tasks.shift();
    this.#read(task, piece);
    return true;
  }

  #read(task: SegmentTask, piece: Piece): void {
    const crc = readSegment(task, this.#roots[task.root] as RootColumns, piece.bytes, this.#files);
    const identity = sha256(piece.bytes);
    this.#held.set(task.id, { piece, identity });
    this.#post({ type: 'read', id: task.id, identity, crc });
  }

  #finish(id: number, lacking: boolean): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    if (lacking) this.#store(id, held.piece.bytes, held.identity);
    this.#held.delete(id);
    this.#memory.release(held.piece);
    this.#waiting = false;
  }

  #store(id: number, raw: Buffer, identity: Digest): void {
    let piece: Piece | undefined;
    const { stored } = encodeStored(raw, identity, (length) => {
      piece = this.#storedMemory.take(length);
      return piece?.bytes ?? Buffer.allocUnsafeSlow(length);
    });
    if (piece !== undefined) this.#unsent.set(id, piece);
    this.#post({ type: 'stored', id, bytes: stored, fresh: piece === undefined });
  }
}
