/** What does a look-up with a credential cost more than one without? */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { list, median } from '../interleave.ts';
import { startLookups } from '../load/lookups.ts';
import { populate, SEGMENTS_PER_ENTRY } from '../load/population.ts';
import type { Question } from '../question.ts';
import { startServer } from '../stage/cachalot.ts';

const CONNECTIONS = 64;

export const authCost: Question = {
  rows: ['auth-cost'],
  async ask(stage) {
    // Few enough that the answers of both sides are kept ready.
    const entries = stage.quick ? 50 : 200;
    const seconds = stage.quick ? 1 : 3;
    const data = join(stage.folder, 'data');
    // One server and one build of the default branch on both sides, so that the credential is all that differs.
    const { port } = await startServer(stage, data);
    const shown = {
      authorization: `Bearer ${await tokenOf(port, data)}`,
      'cachalot-ref': 'refs/heads/main',
      'cachalot-default': 'refs/heads/main',
    };
    await populate(port, entries);
    await populate(port, entries, shown);
    const asking = startLookups(stage);
    const order = { port, entries, connections: CONNECTIONS, seconds };
    const costs = { without: [] as number[], with: [] as number[] };
    // The first of each warms the server's own memory and its compiled code.
    for (let turn = -1; turn < stage.runs(5); turn++) {
      for (const [side, headers] of [
        ['without', {}],
        ['with', shown],
      ] as const) {
        const { answers, seconds: passed } = await asking.measure({ ...order, headers });
        if (turn >= 0) costs[side].push((passed / answers) * 1000);
      }
    }
    const value = median(costs.with);
    return [
      {
        name: 'auth-cost',
        value,
        unit: 'ms',
        better: 'lower',
        against: 'the same look-ups without a credential',
        ratio: value / median(costs.without),
        runs: costs.with.length,
        conditions: {
          'ms a look-up with, each run': list(costs.with),
          'ms a look-up without, each run': list(costs.without),
          credential: 'a static token; the record of a session is found in the same way',
          entries: `${entries} keys asked for as Zipf says, ${SEGMENTS_PER_ENTRY} segments each, on each side`,
          load: `${CONNECTIONS} connections kept alive, each asks as soon as it is answered, ${seconds} s, the sides in turn; the asking process shares the cores`,
        },
      },
    ];
  },
};

async function tokenOf(port: number, data: string): Promise<string> {
  const admin = (await readFile(join(data, 'admin-token'), 'utf8')).trim();
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/admin/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: JSON.stringify({ project: 'bench', tier: 'trusted' }),
  });
  if (answer.status !== 200) throw new Error(`no token: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { token: string }).token;
}
