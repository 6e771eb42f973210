/**
 * What the verification pool and its workers say to each other. Both sides keep the order, so a batch has no number.
 */
import type { VerifiedStored } from '#protocol/format/frame.ts';
import type { ErrorCode, ErrorParams } from '#protocol/wire/errors.ts';

/** Stored objects, each in memory of its own, which is transferred. */
export interface Batch {
  objects: Uint8Array<ArrayBuffer>[];
  /** For each object, whether the pool wants its bytes back. */
  giveBack: boolean[];
}

export type Verdict = { verified: VerifiedStored } | { refused: { code: ErrorCode; params: ErrorParams } };

/** The verdict of each object of a batch, and the bytes of those that are given back. */
export interface Judged {
  verdicts: Verdict[];
  objects: (Uint8Array<ArrayBuffer> | undefined)[];
}
