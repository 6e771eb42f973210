/**
 * Whether the bucket still has the versions that are served from copies: each that is in use is asked for once an hour, and the
 * first time after a start. Nobody waits for the answer.
 */
import type { ObjectStore } from '../object-store.ts';

const EVERY_MS = 60 * 60 * 1000;
/** Beyond that all are asked for once more. */
const REMEMBERED = 100_000;

export interface ConfirmationParts {
  bucket: Pick<ObjectStore, 'head'>;
  /** Milliseconds that only grow. */
  clock: () => number;
  /** The bucket has another version, or none. */
  onOther: (name: string, etag: string | undefined) => Promise<void>;
}

export class Confirmation {
  readonly #parts: ConfirmationParts;
  readonly #confirmed = new Map<string, number>();

  constructor(parts: ConfirmationParts) {
    this.#parts = parts;
  }

  /** The bucket has just said so. */
  note(name: string, etag: string): void {
    if (this.#confirmed.size >= REMEMBERED) this.#confirmed.clear();
    this.#confirmed.set(`${name} ${etag}`, this.#parts.clock());
  }

  /** That version is served from a copy. */
  used(name: string, etag: string): void {
    const { bucket, clock, onOther } = this.#parts;
    const before = this.#confirmed.get(`${name} ${etag}`);
    if (before !== undefined && clock() - before < EVERY_MS) return;
    this.note(name, etag);
    bucket
      .head(name)
      .then((head) => (head?.etag === etag ? undefined : onOther(name, head?.etag)))
      // Where the bucket does not answer, copies are what there is; it is asked again in an hour.
      .catch(() => {});
  }
}
