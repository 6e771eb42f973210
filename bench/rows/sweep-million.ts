/** How long do mark and sweep take over a million segments, and with how much memory? */
import { fileURLToPath } from 'node:url';
import { list, median, short } from '../interleave.ts';
import type { SweepReport } from '../load/sweep-process.ts';
import type { Question } from '../question.ts';
import { startDaemon } from '../stage/command.ts';
import { nextMessage } from '../stage/message.ts';

const PER_ENTRY = 300;
const PROGRAM = fileURLToPath(new URL('../load/sweep-process.ts', import.meta.url));

export const sweepMillion: Question = {
  rows: ['sweep-million'],
  async ask(stage) {
    const objects = stage.quick ? 20_000 : 1_000_000;
    const reports: SweepReport[] = [];
    for (let turn = 0; turn < stage.runs(3); turn++) {
      const report = await stage.within((run) =>
        nextMessage<SweepReport>(
          startDaemon(run, [process.execPath, PROGRAM, String(objects), String(PER_ENTRY)], { ipc: true }),
        ),
      );
      if (report.wrong > 0) throw new Error(`${report.wrong} segments were deleted that an entry needs`);
      reports.push(report);
    }
    const last = reports.at(-1);
    return [
      {
        name: 'sweep-million',
        value: median(reports.map(({ seconds }) => seconds)),
        unit: 's',
        better: 'lower',
        against: null,
        ratio: null,
        runs: reports.length,
        conditions: {
          'seconds of each run': list(reports.map(({ seconds }) => seconds)),
          'MB of each run, the largest resident set': reports.map(({ memory }) => short(memory)).join(' '),
          store: `made up as it is read, answers at once: ${objects} segments, ${last?.entries} entries of ${PER_ENTRY}, every fourth segment garbage`,
          work: 'two marks, condemning after each, and deleting by the second',
          'last run': `${last?.condemned} condemned, ${last?.deleted} deleted, ${last?.calls} calls to the store`,
        },
      },
    ];
  },
};
