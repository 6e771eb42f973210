/**
 * The threads of one save. They start when there is enough for them to do, walk first, then pack; or none starts and the
 * engine runs here, one step at a time, so that requests go on between two.
 */
import type { Worker } from 'node:worker_threads';
import { type ErrorCode, type ErrorParams, fault } from '#protocol/wire/errors.ts';
import type { FileAccess } from './file-access.ts';
import { type FromEngine, PackEngine, type ToEngine } from './pack-engine.ts';
import { startWorker } from './start-worker.ts';
import type { WalkedShare, WalkHelpers, WalkShare } from './walk.ts';

export type ToThread = ToEngine | { type: 'walk'; share: WalkShare };
export type FromThread =
  | FromEngine
  | { type: 'walked'; share: WalkedShare }
  | { type: 'failed'; message: string; code?: ErrorCode; params?: ErrorParams };

/** One engine, wherever it runs. */
export interface Lane {
  send(message: ToEngine): void;
  /** Set by who uses the lane. */
  onMessage: (message: FromEngine) => void;
}

class Thread implements Lane {
  onMessage: (message: FromEngine) => void = () => {};
  onWalked: (share: WalkedShare) => void = () => {};
  readonly #worker: Worker;
  #ended = false;

  constructor(onError: (error: unknown) => void) {
    this.#worker = startWorker('pack');
    this.#worker.on('message', (message: FromThread) => {
      if (message.type === 'walked') this.onWalked(message.share);
      else if (message.type === 'failed') onError(errorOf(message));
      else this.onMessage(message);
    });
    this.#worker.on('error', onError);
    this.#worker.on('exit', (code) => {
      if (!this.#ended) onError(new Error(`a packing thread ended with status ${code}`));
    });
  }

  send(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#worker.terminate();
  }
}

class InlineLane implements Lane {
  onMessage: (message: FromEngine) => void = () => {};
  readonly #engine: PackEngine;
  readonly #onError: (error: unknown) => void;
  #scheduled = false;

  constructor(files: FileAccess, onError: (error: unknown) => void) {
    this.#engine = new PackEngine(files, (message) => this.onMessage(message));
    this.#onError = onError;
  }

  send(message: ToEngine): void {
    this.#engine.receive(message);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      try {
        if (this.#engine.work()) this.#schedule();
      } catch (error) {
        this.#onError(error);
      }
    });
  }
}

export class PackThreads implements WalkHelpers {
  readonly #limit: number;
  readonly #files: FileAccess;
  readonly #threads: Thread[] = [];
  readonly #failed = Promise.withResolvers<never>();

  /** `limit` 0: everything is done in this thread. */
  constructor(limit: number, files: FileAccess) {
    this.#limit = limit;
    this.#files = files;
    // Nobody may be waiting when a thread fails.
    this.#failed.promise.catch(() => {});
  }

  /** Rejects with the first error of any thread. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  async walk(share: WalkShare): Promise<WalkedShare[]> {
    // This thread walks too.
    const helpers = this.#start(this.#limit - 1);
    const shares = helpers.map(
      (thread) =>
        new Promise<WalkedShare>((resolve) => {
          thread.onWalked = resolve;
          thread.send({ type: 'walk', share });
        }),
    );
    return await Promise.race([Promise.all(shares), this.failed]);
  }

  /** `count` threads, or as many as there may be; or this one. */
  lanes(count: number): Lane[] {
    const threads = this.#start(Math.min(count, this.#limit));
    return threads.length > 0 ? threads : [new InlineLane(this.#files, this.#failed.reject)];
  }

  async end(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }

  #start(count: number): Thread[] {
    while (this.#threads.length < count) this.#threads.push(new Thread(this.#failed.reject));
    return this.#threads.slice(0, Math.max(0, count));
  }
}

function errorOf(failed: { message: string; code?: ErrorCode; params?: ErrorParams }): Error {
  return failed.code === undefined ? new Error(failed.message) : fault(failed.code, failed.params);
}
