/**
 * The program of a verification worker (start-worker.ts): takes batches of stored objects, checks each whole (shape, frame's sha256, zstd's checksum,
 * identity), and gives verdicts. Everything is decoded into one buffer that is used again.
 */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { verifyStored } from '#protocol/format/frame.ts';
import { LIMITS } from '#protocol/format/limits.ts';
import { isFault } from '#protocol/wire/errors.ts';
import type { Batch, Judged, Verdict } from './verification.ts';

function verdictOn(object: Uint8Array<ArrayBuffer>, scratch: Buffer): Verdict {
  try {
    return { verified: verifyStored(Buffer.from(object.buffer, object.byteOffset, object.length), scratch) };
  } catch (error) {
    // Anything but a verdict is this worker's own failure, and ends it.
    if (!isFault(error)) throw error;
    return { refused: { code: error.code, params: error.params } };
  }
}

const port = parentPort as MessagePort;
// Memory is given to it only as far as segments reach.
const scratch = Buffer.allocUnsafeSlow(LIMITS.segmentRaw);
port.on('message', ({ objects, giveBack }: Batch) => {
  const verdicts = objects.map((object) => verdictOn(object, scratch));
  const returned = objects.map((object, index) => (giveBack[index] ? object : undefined));
  const transfer = returned.flatMap((object) => (object === undefined ? [] : [object.buffer]));
  port.postMessage({ verdicts, objects: returned } satisfies Judged, transfer);
});
