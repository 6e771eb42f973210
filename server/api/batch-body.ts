/**
 * A body of many stored objects (protocol/wire/batch.ts), read one object at a time into memory that was reserved before: what one sender can make the server hold is what has been admitted and not yet verified.
 */
import type { IncomingMessage } from 'node:http';
import { LIMITS } from '#protocol/format/limits.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { Room } from '../entries/upload-memory.ts';
import { type BodyBounds, chunksOf, closing, declaredLength } from './body.ts';

const LENGTH_BYTES = 4;

/**
 * The objects in their order. Throws `REQUEST_TOO_LARGE` for a body or an object beyond its limit, before its bytes have come,
 * and `REQUEST_INVALID` for one that ends inside an object.
 */
export async function* batchObjects(request: IncomingMessage, bounds: BodyBounds): AsyncGenerator<Room> {
  declaredLength(request, bounds.limit);
  const closed = closing(request);
  const prefix = Buffer.alloc(LENGTH_BYTES);
  let prefixed = 0;
  let object: Room | undefined;
  let filled = 0;
  let received = 0;
  try {
    for await (const chunk of chunksOf(request, bounds.idle)) {
      received += chunk.length;
      if (received > bounds.limit) throw fault('REQUEST_TOO_LARGE', { limit: bounds.limit });
      let at = 0;
      while (at < chunk.length) {
        if (object === undefined) {
          const taken = chunk.copy(prefix, prefixed, at);
          prefixed += taken;
          at += taken;
          if (prefixed < LENGTH_BYTES) break;
          object = await makeRoom(prefix.readUInt32LE(), bounds, closed.signal);
          prefixed = 0;
          filled = 0;
        }
        const taken = chunk.copy(object.bytes, filled, at);
        filled += taken;
        at += taken;
        if (filled === object.bytes.length) {
          const whole = object;
          object = undefined;
          yield whole;
        }
      }
    }
    if (object !== undefined || prefixed > 0)
      throw fault('REQUEST_INVALID', { why: 'the batch ends inside an object' });
  } finally {
    object?.release();
    closed.stop();
  }
}

function makeRoom(length: number, { memory }: BodyBounds, signal: AbortSignal): Promise<Room> {
  if (length === 0) throw fault('REQUEST_INVALID', { why: 'the batch holds an empty object' });
  if (length > LIMITS.segmentStored) throw fault('REQUEST_TOO_LARGE', { limit: LIMITS.segmentStored });
  return memory.reserve(length, signal);
}
