/**
 * The bytes of one answer, as a stream that keeps the contract's promises: it ends after exactly as many bytes as the answer
 * announced, or fails; a store that goes quiet while somebody waits for it is an error; a reader who pauses makes the store
 * wait, and nothing is read ahead.
 */
import { Readable } from 'node:stream';
import { fault } from '#protocol/wire/errors.ts';

/** An answer had begun and did not come to its end. To ask again may help. */
export class BrokenOffError extends Error {}

export class ObjectBody extends Readable {
  readonly #source: Readable;
  readonly #bytes: number;
  readonly #idle: NodeJS.Timeout;
  #received = 0;
  #wanted = false;
  #over = false;

  /**
   * `source` is the answer's body and `bytes` its length; `idle` milliseconds may pass without a piece of it. Its errors are
   * `STORE_FAILED`, caused by a {@link BrokenOffError}.
   */
  constructor(source: Readable, bytes: number, idle: number) {
    super({ highWaterMark: 0 });
    this.#source = source;
    this.#bytes = bytes;
    this.#idle = setTimeout(() => this.#quiet(), idle);
    source.on('data', (piece: Buffer) => this.#take(piece));
    source.on('end', () => this.#finish());
    source.on('error', (error) => this.#fail('the connection broke', error));
    source.on('close', () => this.#finish());
    source.pause();
    // What fails before somebody reads is told to who comes to read; nobody listening is no reason to end the process.
    this.on('error', () => undefined);
  }

  override _read(): void {
    this.#wanted = true;
    this.#idle.refresh();
    this.#source.resume();
  }

  #take(piece: Buffer): void {
    this.#received += piece.length;
    this.#wanted = false;
    if (this.#received > this.#bytes) this.#fail('there was more than announced');
    else if (this.push(piece)) this.#idle.refresh();
    // Pushing may have called _read() already.
    else if (!this.#wanted) this.#source.pause();
  }

  #finish(): void {
    // An answer ends and is closed; one that broke off is only closed.
    if (this.#over || this.destroyed) return;
    this.#over = true;
    if (this.#received < this.#bytes) this.#fail('the connection broke');
    else this.push(null);
  }

  #quiet(): void {
    // Where nobody waits, it is the reader who pauses; _read() winds the clock up again.
    if (this.#wanted) this.#fail('nothing came for too long');
  }

  #fail(why: string, cause?: unknown): void {
    const said = `${why} after ${this.#received} of ${this.#bytes} bytes of an object`;
    this.destroy(fault('STORE_FAILED', { why: said }, { cause: new BrokenOffError(why, { cause }) }));
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    clearTimeout(this.#idle);
    this.#source.destroy();
    callback(error);
  }
}

/** All of it, in memory of its own. */
export async function wholeOf(body: ObjectBody, bytes: number): Promise<Buffer> {
  const whole = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for await (const piece of body as AsyncIterable<Buffer>) at += piece.copy(whole, at);
  return whole;
}
