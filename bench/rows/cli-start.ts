/** What does our program add to the start of Node? */
import { interleave, list, median } from '../interleave.ts';
import type { Question } from '../question.ts';
import { CACHALOT, newHome } from '../stage/cachalot.ts';
import { plainEnvironment, timed } from '../stage/command.ts';

export const cliStart: Question = {
  rows: ['cli-start'],
  async ask(stage) {
    const env = plainEnvironment({ CACHALOT_HOME: await newHome(stage) });
    const ms = async (command: string[]) => (await timed(stage, command, { env })).seconds * 1000;
    const { ours, theirs } = await interleave(
      stage,
      {
        ours: () => ms([...CACHALOT, '--version']),
        theirs: () => ms([process.execPath, '-e', '0']),
      },
      { runs: stage.runs(21), warmUp: true },
    );
    return [
      {
        name: 'cli-start',
        value: median(ours) - median(theirs),
        unit: 'ms',
        better: 'lower',
        against: 'node -e 0, subtracted',
        ratio: null,
        runs: ours.length,
        conditions: { 'cachalot --version': list(ours), 'node -e 0': list(theirs) },
      },
    ];
  },
};
