/** How much memory does a server need at most while 200 runners read slowly and 50 have stopped reading? */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median, short } from '../interleave.ts';
import type { ReaderReport } from '../load/reader-process.ts';
import type { Question } from '../question.ts';
import { cachalot, newHome, peakMemory, startServer } from '../stage/cachalot.ts';
import { startDaemon } from '../stage/command.ts';
import { nextMessage } from '../stage/message.ts';
import type { Stage } from '../stage/stage.ts';
import { largeTree } from '../trees/large-tree.ts';
import { sizeOf } from '../trees/tree.ts';

const STEADY = 200;
const STUCK = 50;
const BYTES_PER_SECOND = 1_000_000;

export const serverMemory: Question = {
  rows: ['server-memory'],
  async ask(stage) {
    const tree = await largeTree(stage);
    const data = join(stage.folder, 'data');
    const seconds = stage.quick ? 5 : 20;
    const saving = await stage.within(async (run) => {
      const server = await startServer(run, data);
      const client = { port: server.port, home: await newHome(run), cwd: tree.folder };
      await cachalot(run, client, 'save', '--key', 'tree', '--path', tree.root);
      return peakMemory(server.pid);
    });
    const peaks: number[] = [];
    let report: ReaderReport | undefined;
    for (let turn = 0; turn < stage.runs(3); turn++) {
      await stage.within(async (run) => {
        const server = await startServer(run, data);
        report = await readSlowly(run, server.port, seconds);
        peaks.push(await peakMemory(server.pid));
      });
    }
    return [
      {
        name: 'server-memory',
        value: median(peaks),
        unit: 'MB',
        better: 'lower',
        against: null,
        ratio: null,
        runs: peaks.length,
        conditions: {
          'MB of each run': peaks.map(short).join(' '),
          'MB while it took the large tree': short(saving),
          tree: sizeOf(tree),
          streams: `${STEADY} at ${BYTES_PER_SECOND / 1e6} MB/s and ${STUCK} that stop reading, for ${seconds} s`,
          'MB/s of the slowest and the middling steady stream': `${short((report?.slowest ?? 0) / 1e6)} ${short((report?.middle ?? 0) / 1e6)}`,
          'ended by the server': `${report?.ended.steady} steady, ${report?.ended.stuck} stuck`,
        },
      },
    ];
  },
};

async function readSlowly(stage: Stage, port: number, seconds: number): Promise<ReaderReport> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/entries`);
  const { entries } = (await answer.json()) as { entries: { entry: string }[] };
  const path = `/api/v1/entries/${entries[0]?.entry}/archive`;
  const program = fileURLToPath(new URL('../load/reader-process.ts', import.meta.url));
  const numbers = [STEADY, BYTES_PER_SECOND, STUCK, seconds].map(String);
  const readers = startDaemon(stage, [process.execPath, program, String(port), path, ...numbers], {
    ipc: true,
  });
  return nextMessage<ReaderReport>(readers);
}
