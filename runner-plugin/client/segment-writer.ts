/**
 * Sends segments in bodies of several, a few bodies at a time. One request a segment would wait a round trip for each: at
 * 50 ms and 1 Gbit/s there must be 6 MB under way. A body takes what has gathered when a lane is free, so that nothing waits
 * for company on a fast link and much travels together on a slow one.
 */
import { LIMITS } from '#protocol/format/limits.ts';
import type { Digest } from '#protocol/format/manifest.ts';
import { encodeBatchPart } from '#protocol/wire/batch.ts';
import { CATALOGUE, type ErrorCode, fault } from '#protocol/wire/errors.ts';
import type { WriteAnswer } from '#protocol/wire/routes.ts';

export const LANES = 4;
/** A body is closed when it has this much; a single segment may be larger. */
export const BODY_BYTES = 8 * 1024 * 1024;

export interface StoredSegment {
  identity: Digest;
  bytes: Buffer;
}

export interface SegmentWriter {
  /** Resolves when the server has verified and stored it; then the memory may be let go. Rejects with a CachalotError. */
  send(segment: StoredSegment): Promise<void>;
}

interface Waiting {
  segment: StoredSegment;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** `post` sends one body and answers as `POST segments/write` does. */
export function createSegmentWriter(
  post: (parts: Buffer[]) => Promise<WriteAnswer>,
  url: string,
): SegmentWriter {
  const waiting: Waiting[] = [];
  let lanes = 0;

  const fill = (): void => {
    while (lanes < LANES && waiting.length > 0) {
      lanes++;
      void deliver(takeBody(waiting)).finally(() => {
        lanes--;
        fill();
      });
    }
  };

  const deliver = async (body: Waiting[]): Promise<void> => {
    try {
      const { results } = await post(body.flatMap(({ segment }) => encodeBatchPart(segment.bytes)));
      for (const [i, { segment, resolve, reject }] of body.entries()) {
        const result = results[i];
        if (result?.identity !== segment.identity) reject(mismatch(url));
        else if (result.status === 'refused') reject(refused(segment.identity, result));
        else resolve();
      }
    } catch (error) {
      for (const { reject } of body) reject(error);
    }
  };

  return {
    send: (segment) =>
      new Promise((resolve, reject) => {
        waiting.push({ segment, resolve, reject });
        // What is handed over in one go travels in one body.
        queueMicrotask(fill);
      }),
  };
}

function takeBody(waiting: Waiting[]): Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const { segment } of waiting) {
    if (
      count > 0 &&
      (bytes + segment.bytes.length > LIMITS.batchBytes || count === LIMITS.identitiesPerRequest)
    )
      break;
    bytes += segment.bytes.length;
    count++;
    if (bytes >= BODY_BYTES) break;
  }
  return waiting.splice(0, count);
}

function mismatch(url: string): Error {
  return fault('CLIENT_ANSWER_UNREADABLE', { url, why: 'it acknowledges other segments than were sent' });
}

function refused(identity: Digest, result: WriteAnswer['results'][number]): Error {
  const { code, message } = result;
  if (code === undefined || message === undefined || !(code in CATALOGUE)) {
    return fault('SEGMENT_UNREADABLE', { identity, why: 'the server refused it' });
  }
  return fault(code as ErrorCode, {}, { said: message });
}
