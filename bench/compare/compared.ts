/** Two sides' runs, and the row that they make. */
import { list, median } from '../interleave.ts';
import type { Row } from '../question.ts';

export interface Compared {
  ours: number[];
  theirs: number[];
  conditions: Row['conditions'];
}

/** Less is better, in `unit`; the figures are in it already. */
export function comparedRow(name: string, unit: Row['unit'], against: string, compared: Compared): Row {
  const { ours, theirs, conditions } = compared;
  return {
    name,
    value: median(ours),
    unit,
    better: 'lower',
    against,
    ratio: median(ours) / median(theirs),
    runs: ours.length,
    conditions: { ours: list(ours), theirs: list(theirs), ...conditions },
  };
}
