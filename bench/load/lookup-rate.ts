/** The load of `lookups`: how many look-ups a server answers in a second to connections that ask as soon as they are answered. */
import { list, median, short } from '../interleave.ts';
import type { Row } from '../question.ts';
import type { Stage } from '../stage/stage.ts';
import { startLookups } from './lookups.ts';
import { populate, SEGMENTS_PER_ENTRY } from './population.ts';

const CONNECTIONS = 64;

/** Fills the server behind `port` and measures it. `sharing` says who else has the cores. */
export async function lookupRate(stage: Stage, name: string, port: number, sharing: string): Promise<Row> {
  const entries = stage.quick ? 50 : 1000;
  const seconds = stage.quick ? 1 : 5;
  await populate(port, entries);
  const asking = startLookups(stage);
  const order = { port, entries, connections: CONNECTIONS, seconds };
  // The first one warms the server's own memory and its compiled code.
  await asking.measure(order);
  const reports = [];
  for (let turn = 0; turn < stage.runs(5); turn++) reports.push(await asking.measure(order));
  const rates = reports.map(({ answers, seconds: passed }) => answers / passed);
  const last = reports.at(-1);
  return {
    name,
    value: median(rates),
    unit: 'per second',
    better: 'higher',
    against: null,
    ratio: null,
    runs: rates.length,
    conditions: {
      'per second of each run': list(rates),
      'ms, last run': last
        ? `p50 ${short(last.p50)}, p99 ${short(last.p99)}, at most ${short(last.max)}`
        : '',
      'bytes of an answer, last run': last ? Math.round(last.bytes / last.answers) : 0,
      asked: last ? `exact ${last.asked.exact}, by prefix ${last.asked.near}, misses ${last.asked.none}` : '',
      entries: `${entries} keys asked for as Zipf says, ${SEGMENTS_PER_ENTRY} segments each`,
      load: `${CONNECTIONS} connections kept alive, each asks as soon as it is answered, ${seconds} s; ${sharing}`,
    },
  };
}
