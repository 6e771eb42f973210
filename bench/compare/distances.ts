/** The distances that `restore-rtt` and `save-rtt` are asked at, and how their rows become one. */
import type { Row } from '../question.ts';
import type { Distance } from '../stage/distance.ts';

const GIGABIT = 1_000_000_000;
export const DISTANCES: readonly Distance[] = [10, 50].map((rttMs) => ({ rttMs, bitsPerSecond: GIGABIT }));

/** For the conditions. */
export function describe(distance: Distance): string {
  return `${distance.rttMs} ms of round trip, 1 Gbit/s each way for all connections together, slow start from 10 segments to 6 MiB, no loss`;
}

/** The rows themselves after the one that speaks for them: the worse by ratio. */
export function withWorst(name: string, rows: readonly Row[]): Row[] {
  const worst = rows.reduce((worse, row) => ((row.ratio ?? 0) > (worse.ratio ?? 0) ? row : worse));
  return [
    {
      ...worst,
      name,
      conditions: { ...worst.conditions, 'the worse of': rows.map((row) => row.name).join(', ') },
    },
    ...rows,
  ];
}
