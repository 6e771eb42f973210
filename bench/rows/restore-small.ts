/** What does a small cache cost, where starting the program is most of it, and how many requests does it make? */
import { comparedRow } from '../compare/compared.ts';
import { CURL_TAR, compareRestores, KEY, type Served, serveTree } from '../compare/restore.ts';
import { median, short } from '../interleave.ts';
import type { Question } from '../question.ts';
import { cachalot, newHome } from '../stage/cachalot.ts';
import { timed } from '../stage/command.ts';
import { startCounter } from '../stage/counter.ts';
import type { Stage } from '../stage/stage.ts';
import { freshPlace } from '../stage/xfs.ts';
import { smallTree } from '../trees/small-tree.ts';

export const restoreSmall: Question = {
  rows: ['restore-small'],
  async ask(stage) {
    const served = await serveTree(stage, await smallTree(stage));
    const compared = await compareRestores(stage, served, { runs: stage.runs(11), warmUp: true });
    const inMs = (seconds: number) => seconds * 1000;
    compared.ours = compared.ours.map(inMs);
    compared.theirs = compared.theirs.map(inMs);
    Object.assign(compared.conditions, await requestsOf(stage, served), {
      'ms with nothing compiled': short(await medianMs(stage, served, { compiled: false }, KEY)),
      'ms of a miss': short(await medianMs(stage, served, { compiled: true }, 'not-there')),
      'ms of node -e 0': short(await startMs(stage)),
    });
    return [comparedRow('restore-small', 'ms', CURL_TAR, compared)];
  },
};

async function requestsOf(stage: Stage, served: Served): Promise<{ requests: number; asked: string }> {
  const counter = await startCounter(stage, served.oursPort);
  await restore(stage, counter.port, { compiled: true }, KEY, served.tree.root);
  return { requests: counter.requests, asked: counter.paths.join(', ') };
}

/** What any program on Node pays before its first line. */
async function startMs(stage: Stage): Promise<number> {
  const figures: number[] = [];
  for (let run = 0; run < stage.runs(11); run++)
    figures.push((await timed(stage, [process.execPath, '-e', '0'])).seconds);
  return median(figures) * 1000;
}

async function medianMs(
  stage: Stage,
  served: Served,
  home: { compiled: boolean },
  key: string,
): Promise<number> {
  const figures: number[] = [];
  for (let run = 0; run < stage.runs(5); run++)
    figures.push(await restore(stage, served.oursPort, home, key, served.tree.root));
  return median(figures) * 1000;
}

function restore(
  stage: Stage,
  port: number,
  home: { compiled: boolean },
  key: string,
  root: string,
): Promise<number> {
  return stage.within(async (run) => {
    const client = { port, home: await newHome(run, home), cwd: await freshPlace(run) };
    return (await cachalot(run, client, 'restore', '--key', key, '--path', root)).seconds;
  });
}
