/**
 * The stage: a folder of its own, and everything that has to be undone (mounts, processes, files), last first. It is
 * undone when the work ends, when it fails and when it is interrupted, because each of them unwinds the same way.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Undo = () => Promise<void> | void;

export interface StageOptions {
  /** Smaller sizes and fewer seconds; rows say so. */
  quick: boolean;
  /** Aborted on Ctrl-C: what is running is killed, and what it stood on is undone. */
  signal: AbortSignal;
  /** A line for the person who waits. */
  say(line: string): void;
  /** Runs a side, where the caller chose; each question has its own number otherwise. */
  runs?: number | undefined;
}

export class Stage {
  /** Empty at first; gone at the end. */
  readonly folder: string;
  readonly quick: boolean;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  readonly #options: StageOptions;
  readonly #undo: Undo[] = [];

  private constructor(folder: string, options: StageOptions) {
    this.folder = folder;
    this.quick = options.quick;
    this.signal = options.signal;
    this.say = options.say;
    this.#options = options;
  }

  /** Gives `work` a stage and undoes it afterwards, whatever happens. */
  static async with<T>(options: StageOptions, work: (stage: Stage) => Promise<T>): Promise<T> {
    options.signal.throwIfAborted();
    const folder = await mkdtemp(join(tmpdir(), 'cachalot-bench-'));
    const stage = new Stage(folder, options);
    stage.defer(() => rm(folder, { recursive: true, force: true }));
    try {
      return await work(stage);
    } finally {
      await stage.#close();
    }
  }

  /** A stage within this one: for a single run, so that its file system and processes do not outlive it. */
  within<T>(work: (stage: Stage) => Promise<T>): Promise<T> {
    return Stage.with(this.#options, work);
  }

  /** An odd number of runs a side, so that the median is one of them. */
  runs(usual: number): number {
    return this.#options.runs ?? (this.quick ? 3 : usual);
  }

  defer(undo: Undo): void {
    this.#undo.push(undo);
  }

  async #close(): Promise<void> {
    const failures: unknown[] = [];
    for (const undo of this.#undo.reverse()) {
      try {
        await undo();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0)
      throw new AggregateError(failures, `The stage ${this.folder} could not be undone`);
  }
}
