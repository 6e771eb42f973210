/**
 * The memory that segments are in while they are moved: one block that is used again, because V8 marks its whole heap for every 20 MB
 * of fresh memory that come and go, which takes longer than all else about a move.
 *
 * A segment that is being read when it has arrived stays in the block, and counts with the memory tier from then on; so the block
 * has room for what the memory tier lends besides.
 */
import { SegmentMemory } from '#protocol/format/segment-memory.ts';
import { InLine } from '../../entries/in-line.ts';

export interface MoveRoom {
  /** With whatever was in them before; somebody else's after `release`. */
  bytes: Buffer;
  /** It is no longer on its way, though perhaps read. */
  arrived(): void;
  /** Nobody needs it any more. */
  release(): void;
}

export class MoveMemory {
  readonly #moving: number;
  readonly #block: SegmentMemory;
  readonly #line = new InLine((bytes) => this.#take(bytes));
  #free: number;

  /** Bytes that are moved at once, and those that may be lent besides. */
  constructor(moving: number, lent: number) {
    this.#moving = moving;
    this.#free = moving;
    this.#block = new SegmentMemory(moving + lent, { shared: false });
  }

  /** Waits in line. No more than the whole may be wanted. */
  reserve(bytes: number): Promise<MoveRoom> {
    return this.#line.take(bytes);
  }

  /** Of what is on its way. */
  get reserved(): number {
    return this.#moving - this.#free;
  }

  #take(bytes: number): MoveRoom | undefined {
    if (bytes > this.#free) return undefined;
    this.#free -= bytes;
    const piece = this.#block.take(bytes);
    let isMoving = true;
    let isHeld = true;
    const arrived = () => {
      if (!isMoving) return;
      isMoving = false;
      this.#free += bytes;
      this.#line.moveUp();
    };
    return {
      // What readers hold may leave no gap that is large enough, though there is room.
      bytes: piece?.bytes ?? Buffer.allocUnsafeSlow(bytes),
      arrived,
      release: () => {
        if (isHeld && piece !== undefined) this.#block.release(piece);
        isHeld = false;
        arrived();
      },
    };
  }
}
