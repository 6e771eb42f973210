/**
 * The program of a verification worker (start-worker.ts): takes batches of stored objects, checks each whole (shape, frame's sha256, zstd's checksum,
 * identity), and gives verdicts. Everything is decoded into one buffer that is used again.
 */
import fs from 'node:fs';
import os from 'node:os';
import { basename } from 'node:path';
import { type MessagePort, parentPort } from 'node:worker_threads';
import { verifyStored } from '#protocol/format/frame.ts';
import { LIMITS } from '#protocol/format/limits.ts';
import { isFault } from '#protocol/wire/errors.ts';
import type { Submitted, Verdict } from './verification.ts';

/** Below the thread that answers requests, which a save of somebody else's must not keep waiting. */
const NICENESS = 10;

/** As far as the system lets us: Linux has a priority for each thread, and tells it its own id. */
function stepBack(): void {
  try {
    os.setPriority(Number(basename(fs.readlinkSync('/proc/thread-self'))), NICENESS);
  } catch {
    // Then all are alike.
  }
}

/** Blocks of shared memory, by number. */
const blocks = new Map<number, SharedArrayBuffer>();

function bytesOf(object: Submitted): Buffer {
  if (object instanceof Uint8Array) return Buffer.from(object.buffer, object.byteOffset, object.length);
  const { block, memory, at, length } = object;
  if (memory !== undefined) blocks.set(block, memory);
  return Buffer.from(blocks.get(block) as SharedArrayBuffer, at, length);
}

function verdictOn(object: Submitted, scratch: Buffer): Verdict {
  try {
    return { verified: verifyStored(bytesOf(object), scratch) };
  } catch (error) {
    // Anything but a verdict is this worker's own failure, and ends it.
    if (!isFault(error)) throw error;
    return { refused: { code: error.code, params: error.params } };
  }
}

stepBack();

const port = parentPort as MessagePort;
// Memory is given to it only as far as segments reach.
const scratch = Buffer.allocUnsafeSlow(LIMITS.segmentRaw);
port.on('message', (objects: Submitted[]) => {
  port.postMessage(objects.map((object) => verdictOn(object, scratch)));
});
