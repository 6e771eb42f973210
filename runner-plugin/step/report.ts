/** What a step did, in the form of `--report FILE` (docs: interfaces), and the one place where a step's figures gather. */
import { type CachalotError, type ErrorCode, fault, isFault } from '#protocol/wire/errors.ts';
import type { Clock } from '../client/clock.ts';
import type { Notice } from './context.ts';

export type Hit = 'exact' | 'near' | 'none';

export interface Figures {
  bytes: { down: number; up: number; reused: number };
  seconds: { lookup: number; restore: number; command: number; save: number };
}

export interface EntryReport {
  kind: string;
  key: string;
  hit: Hit;
  /** The key of what was restored. */
  matchedKey?: string;
  /** Why there is no exact hit, or why a hit was not used. */
  reason?: string;
}

export interface Warning {
  code: ErrorCode;
  message: string;
}

/** Of several entries, `kind`, `key` … are the first one's, `hit` is the worst, and `entries` has them all. */
export interface Report extends EntryReport, Figures {
  command: 'run' | 'restore' | 'save';
  skipped: boolean;
  warnings: Warning[];
  entries?: EntryReport[];
}

export function noFigures(): Figures {
  return { bytes: { down: 0, up: 0, reused: 0 }, seconds: { lookup: 0, restore: 0, command: 0, save: 0 } };
}

const RANK: Record<Hit, number> = { none: 0, near: 1, exact: 2 };

export function makeReport(
  command: Report['command'],
  entries: readonly EntryReport[],
  figures: Figures,
  rest: { skipped: boolean; warnings: Warning[] },
): Report {
  const first = entries[0] ?? { kind: '', key: '', hit: 'none' as const };
  const hit = entries.reduce<Hit>(
    (worst, entry) => (RANK[entry.hit] < RANK[worst] ? entry.hit : worst),
    first.hit,
  );
  return {
    command,
    ...first,
    hit,
    ...figures,
    ...rest,
    ...(entries.length > 1 ? { entries: [...entries] } : {}),
  };
}

/** Faults of the cache: each is told once and kept for the report. */
export class Faults {
  readonly warnings: Warning[] = [];
  readonly #tell: (notice: Notice) => void;
  #first: CachalotError | undefined;
  #unavailable = false;

  constructor(tell: (notice: Notice) => void) {
    this.#tell = tell;
  }

  /** The first one: under `--strict` its exit code is the step's. */
  get first(): CachalotError | undefined {
    return this.#first;
  }

  /** The server failed once; asking it again in this step has no point. */
  get unavailable(): boolean {
    return this.#unavailable;
  }

  /** Of a save that nobody asked for by name: that its credential only reads here is no fault, and told as a note. */
  addOfSave(title: string, thrown: unknown): void {
    if (isFault(thrown, 'REQUEST_REFUSED') || isFault(thrown, 'REF_REFUSED'))
      this.#tell({ level: 'note', message: `${title}: not saved: ${thrown.message}` });
    else this.add(thrown);
  }

  /** What is no CachalotError is a mistake of ours; a build must not fail by that either. */
  add(thrown: unknown): void {
    const error = isFault(thrown) ? thrown : internal(thrown);
    // That the server is left alone is news only where nothing was said about it yet.
    const known = error.code === 'CLIENT_BREAKER_OPEN' && this.#unavailable;
    if (UNUSABLE.test(error.code)) this.#unavailable = true;
    this.#first ??= error;
    if (known || this.warnings.some(({ code, message }) => code === error.code && message === error.message))
      return;
    this.warnings.push({ code: error.code, message: error.message });
    this.#tell({ level: 'warning', code: error.code, message: `${error.message} ${error.action}` });
  }
}

function internal(thrown: unknown): CachalotError {
  const why = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return fault('CLIENT_INTERNAL', { why }, { cause: thrown });
}

/** After these nothing that is asked in this step will be answered. */
const UNUSABLE = /^(CLIENT|SERVER|STORE|CREDENTIAL)_|^SETTING_INVALID$/;

/** Runs and adds the seconds that it took, whatever came of it. */
export async function timed<T>(
  clock: Clock,
  figures: Figures,
  phase: keyof Figures['seconds'],
  run: () => Promise<T>,
): Promise<T> {
  const start = clock.now();
  try {
    return await run();
  } finally {
    figures.seconds[phase] += (clock.now() - start) / 1000;
  }
}
