/**
 * What a measurement asks and what it answers. A question is one file of bench/rows; it may answer with several rows where
 * they come from the same runs.
 */
import type { Stage } from './stage/stage.ts';

export interface Row {
  name: string;
  /** Ours, in `unit`: the median of the runs. */
  value: number;
  unit: 's' | 'ms' | 'MB' | 'MB/s' | 'bytes' | 'per second';
  better: 'lower' | 'higher';
  /** What it is held against; null where a row stands for itself. */
  against: string | null;
  /** Our value over theirs in the same unit; null where a row stands for itself. */
  ratio: number | null;
  /** Measured runs on each side. */
  runs: number;
  /** What was measured on what, every single run included, so that a reader can judge the median. */
  conditions: Record<string, string | number>;
}

/** What a question leaves to main: the machine's own conditions are added there. */
export interface Question {
  /** The rows it answers with, in that order. */
  rows: readonly string[];
  ask(stage: Stage): Promise<Row[]>;
}
