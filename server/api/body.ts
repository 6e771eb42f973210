/**
 * Bodies that are bytes, not JSON. The server counts them itself as they come: a declared length is checked before
 * anything is read, a chunked body while it is, and memory is reserved before it is filled.
 */
import type { IncomingMessage } from 'node:http';
import { fault } from '#protocol/wire/errors.ts';
import { letGo } from '../entries/let-go.ts';
import type { Room, UploadMemory } from '../entries/upload-memory.ts';

export interface BodyBounds {
  /** Bytes that the whole body may have. */
  limit: number;
  memory: UploadMemory;
  /** Milliseconds without a byte after which it is given up. */
  idle: number;
}

/** The body, to be released when it has been dealt with. Throws `REQUEST_TOO_LARGE` and `REQUEST_TIMEOUT`. */
export async function readBody(request: IncomingMessage, bounds: BodyBounds): Promise<Room> {
  const declared = declaredLength(request, bounds.limit);
  const closed = closing(request);
  const room = await bounds.memory.reserve(declared ?? bounds.limit, closed.signal);
  try {
    let length = 0;
    for await (const chunk of chunksOf(request, bounds.idle)) {
      if (length + chunk.length > room.bytes.length)
        throw fault('REQUEST_TOO_LARGE', { limit: bounds.limit });
      length += chunk.copy(room.bytes, length);
    }
    return { bytes: room.bytes.subarray(0, length), release: room.release };
  } catch (error) {
    room.release();
    throw error;
  } finally {
    closed.stop();
  }
}

/** Undefined for a chunked body. */
export function declaredLength(request: IncomingMessage, limit: number): number | undefined {
  const text = request.headers['content-length'];
  if (text === undefined) return undefined;
  const length = Number(text);
  if (length > limit) throw fault('REQUEST_TOO_LARGE', { limit });
  return length;
}

/**
 * The chunks as they come, each gone when the next is asked for: left to V8, those of many uploads have it collect again and again,
 * and look-ups wait meanwhile. Throws `REQUEST_TIMEOUT` where none comes for `idle` milliseconds. Whoever stops early leaves the
 * request open, so that it can still be answered.
 */
export async function* chunksOf(request: IncomingMessage, idle: number): AsyncGenerator<Buffer> {
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => {});
  const what = `its body brought nothing for ${idle / 1000} s`;
  const timer = setTimeout(() => late.reject(fault('REQUEST_TIMEOUT', { what })), idle);
  try {
    const chunks = request.iterator({ destroyOnReturn: false });
    for (;;) {
      const next: IteratorResult<Buffer> = await Promise.race([chunks.next(), late.promise]);
      if (next.done) return;
      timer.refresh();
      yield next.value;
      letGo(next.value);
      // What we do with a chunk is not the sender's time.
      timer.refresh();
    }
  } finally {
    clearTimeout(timer);
  }
}

/** A signal for what waits before it reads: the sender has gone. */
export function closing(request: IncomingMessage): { signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const abort = () => controller.abort(fault('REQUEST_INVALID', { why: 'the sender has gone' }));
  request.socket.once('close', abort);
  return { signal: controller.signal, stop: () => request.socket.removeListener('close', abort) };
}
