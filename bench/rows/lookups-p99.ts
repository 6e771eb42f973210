/** How long do look-ups wait while many saves keep the server busy? */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { list, median, short } from '../interleave.ts';
import type { LookupReport } from '../load/lookup-process.ts';
import { startLookups } from '../load/lookups.ts';
import { populate, SEGMENTS_PER_ENTRY } from '../load/population.ts';
import type { SaveReport } from '../load/save-process.ts';
import type { Question } from '../question.ts';
import { startServer } from '../stage/cachalot.ts';
import { startDaemon } from '../stage/command.ts';
import { nextMessage } from '../stage/message.ts';
import type { Stage } from '../stage/stage.ts';
import { freshPlace } from '../stage/xfs.ts';

const SAVES = 32;
const RATE = 200;
const CONNECTIONS = 256;
/** Saves that take longer are not measured to their end. */
const LONGEST_S = 60;
const SEGMENT_BYTES = 1024 * 1024;

export const lookupsP99: Question = {
  rows: ['lookups-p99'],
  async ask(stage) {
    const entries = stage.quick ? 50 : 1000;
    const perSave = stage.quick ? 4 : 48;
    const reports: LookupReport[] = [];
    const saved: SaveReport[] = [];
    for (let turn = 0; turn < stage.runs(3); turn++) {
      await stage.within(async (run) => {
        const server = await startServer(run, join(await freshPlace(run), 'data'));
        await populate(server.port, entries);
        const save = await readySaves(run, server.port, perSave);
        const asking = startLookups(run);
        const order = { port: server.port, entries, connections: CONNECTIONS, rate: RATE };
        await asking.measure({ ...order, seconds: 1 });
        const saving = save();
        // Until the saves have ended, and not a look-up longer.
        const looking = asking.measure({ ...order, seconds: LONGEST_S });
        saved.push(await saving);
        asking.stop();
        reports.push(await looking);
      });
    }
    const p99 = reports.map((report) => report.p99);
    const last = saved.at(-1);
    return [
      {
        name: 'lookups-p99',
        value: median(p99),
        unit: 'ms',
        better: 'lower',
        against: null,
        ratio: null,
        runs: p99.length,
        conditions: {
          'ms of each run': list(p99),
          'p50 of each run': list(reports.map((report) => report.p50)),
          'slowest of each run': list(reports.map((report) => report.max)),
          'look-ups of each run': list(reports.map(({ answers }) => answers)),
          'seconds that the saves took': list(saved.map(({ seconds }) => seconds)),
          saves: last
            ? `${SAVES} at once, ${short(last.raw / 1e6)} MB raw, ${short(last.stored / 1e6)} MB sent, made beforehand`
            : '',
          entries: `${entries} keys, ${SEGMENTS_PER_ENTRY} segments each`,
          load: `${RATE} look-ups a second whatever the answers take, timed from when each was due, while the saves run`,
        },
      },
    ];
  },
};

/** Makes what is saved, and answers how to save it. */
async function readySaves(stage: Stage, port: number, perSave: number): Promise<() => Promise<SaveReport>> {
  const program = fileURLToPath(new URL('../load/save-process.ts', import.meta.url));
  const numbers = [port, SAVES, perSave, SEGMENT_BYTES].map(String);
  const daemon = startDaemon(stage, [process.execPath, program, ...numbers], { ipc: true });
  await nextMessage(daemon);
  return () => {
    daemon.child.send('save');
    return nextMessage<SaveReport>(daemon);
  };
}
