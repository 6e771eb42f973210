/**
 * The memory that uploads are received into, all requests together: one block that is used again, and that the verification
 * threads read where it lies. Memory of its own for each segment would have V8 stop everything to mark its heap several times a
 * second while many save.
 */
import { SegmentMemory } from '#protocol/format/segment-memory.ts';
import type { Release } from './byte-budget.ts';
import { InLine } from './in-line.ts';

export interface Room {
  /** With whatever was in them before; nobody else's until they are released, and somebody else's afterwards. */
  bytes: Buffer;
  release: Release;
}

export class UploadMemory {
  #reserved = 0;
  readonly #total: number;
  readonly #memory: SegmentMemory;
  readonly #line = new InLine((bytes) => this.#take(bytes));

  constructor(total: number) {
    this.#total = total;
    this.#memory = new SegmentMemory(total);
  }

  get reserved(): number {
    return this.#reserved;
  }

  /**
   * Waits in line for so many bytes in one piece; there are never more than the whole. Throws the signal's reason if that comes
   * first.
   */
  reserve(bytes: number, signal?: AbortSignal): Promise<Room> {
    return this.#line.take(Math.min(bytes, this.#total), signal);
  }

  #take(bytes: number): Room | undefined {
    const piece = this.#memory.take(bytes);
    if (piece === undefined) return undefined;
    this.#reserved += bytes;
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      this.#reserved -= bytes;
      this.#memory.release(piece);
      this.#line.moveUp();
    };
    return { bytes: piece.bytes, release };
  }
}
