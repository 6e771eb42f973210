/**
 * A segment that readers follow while it arrives. They get what is there, and of their runs all but the end, until it has been
 * verified: nobody gets all of what he asked for of a segment that is damaged.
 */

/** Of a run, what waits for the verification. */
export const HELD_BACK_BYTES = 64 * 1024;
/** Worth a way through the socket. */
const STEP_BYTES = 256 * 1024;

export class Arrival {
  #count = 0;
  #end: { error?: Error } | undefined;
  #waiting: (() => void)[] = [];

  /** So many bytes are there. */
  grown(count: number): void {
    this.#count = count;
    this.#wake();
  }

  /** It is there and verified; or it will not be. */
  ended(error?: Error): void {
    this.#end ??= error === undefined ? {} : { error };
    this.#wake();
  }

  /**
   * How far a run that goes to `end` may be given, when that is worth it and more than `at`. Throws where it will not be given to
   * its end.
   */
  async reaches(at: number, end: number): Promise<number> {
    for (;;) {
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined) return end;
      const open = end - HELD_BACK_BYTES;
      const there = Math.min(this.#count, open);
      if (there > at && (there - at >= STEP_BYTES || there === open)) return there;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }
}
