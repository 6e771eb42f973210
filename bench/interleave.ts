/** Sides measured in turn, A B A B, so that what the machine does meanwhile falls on both. */
import type { Stage } from './stage/stage.ts';

/** One measured run of a side, on a stage of its own; answers its figure. */
export type Side = (stage: Stage) => Promise<number>;

/**
 * Runs each side `runs` times in turn. `warmUp` runs each once beforehand, unmeasured: for what takes milliseconds, where
 * the first one would pay for the disk.
 */
export async function interleave<Name extends string>(
  stage: Stage,
  sides: Record<Name, Side>,
  options: { runs: number; warmUp?: boolean },
): Promise<Record<Name, number[]>> {
  const names = Object.keys(sides) as Name[];
  const figures = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let turn = options.warmUp ? -1 : 0; turn < options.runs; turn++) {
    for (const name of names) {
      const figure = await stage.within(sides[name]);
      if (turn >= 0) figures[name].push(figure);
    }
    if (turn >= 0)
      stage.say(`  ${names.map((name) => `${name} ${short(figures[name].at(-1) ?? 0)}`).join('  ')}`);
  }
  return figures;
}

/** The middle one; of an even number the mean of the two in the middle. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? Number.NaN) + upper) / 2 : upper;
}

/** Four digits: more than any of these measurements is good for. */
export function short(figure: number): string {
  return String(Number(figure.toPrecision(4)));
}

/** Every run, for the conditions. */
export function list(figures: readonly number[]): string {
  return figures.map(short).join(' ');
}
