/** What saves sent after something was bumped, and the row that they make. */
import { list, median } from '../interleave.ts';
import type { Row } from '../question.ts';

export interface Bumped {
  /** Bytes that each save after a bump sent. */
  sent: number[];
  /** Bytes that the save before the first bump sent. */
  full: number;
  conditions: Row['conditions'];
}

export function bumpedRow(name: string, { sent, full, conditions }: Bumped): Row {
  return {
    name,
    value: median(sent),
    unit: 'bytes',
    better: 'lower',
    against: 'bytes that the full save sent',
    ratio: median(sent) / full,
    runs: sent.length,
    conditions: { ours: list(sent), theirs: full, ...conditions },
  };
}
