/**
 * What the verification pool and its workers say to each other. Batches of objects go, lists of verdicts come. Both
 * sides keep the order, so a batch has no number.
 */
import type { VerifiedStored } from '#protocol/format/frame.ts';
import type { ErrorCode, ErrorParams } from '#protocol/wire/errors.ts';

/**
 * A stored object: a copy that is given away, or where it lies in a block of shared memory. The block comes with the first object
 * in it: V8 counts each crossing as memory of its own.
 */
export type Submitted =
  | Uint8Array<ArrayBuffer>
  | { block: number; memory?: SharedArrayBuffer; at: number; length: number };

export type Verdict = { verified: VerifiedStored } | { refused: { code: ErrorCode; params: ErrorParams } };
