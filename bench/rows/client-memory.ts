/** How much memory does a client need at most, for many files and for one large one, there and back? */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { short } from '../interleave.ts';
import type { Question } from '../question.ts';
import { cachalot, newHome, startServer } from '../stage/cachalot.ts';
import type { Stage } from '../stage/stage.ts';
import { freshPlace } from '../stage/xfs.ts';
import { largeTree } from '../trees/large-tree.ts';
import { oneFile } from '../trees/one-file.ts';
import { requireWhole, sizeOf, type Tree } from '../trees/tree.ts';

const reporter = new URL('../stage/peak-memory.ts', import.meta.url).href;

export const clientMemory: Question = {
  rows: ['client-memory'],
  async ask(stage) {
    const conditions: Record<string, string> = {};
    const peaks: number[] = [];
    const runs = stage.runs(3);
    for (const tree of [await largeTree(stage), await oneFile(stage)]) {
      for (let turn = 0; turn < runs; turn++) {
        const { save, restore } = await stage.within((run) => peaksOf(run, tree));
        peaks.push(save, restore);
        conditions[`MB, ${tree.title}, run ${turn + 1}`] = `save ${short(save)}, restore ${short(restore)}`;
      }
      conditions[tree.title] = sizeOf(tree);
    }
    return [
      {
        name: 'client-memory',
        value: Math.max(...peaks),
        unit: 'MB',
        better: 'lower',
        against: null,
        ratio: null,
        runs,
        conditions,
      },
    ];
  },
};

async function peaksOf(stage: Stage, tree: Tree): Promise<{ save: number; restore: number }> {
  const server = await startServer(stage, join(await freshPlace(stage), 'data'));
  const peakOf = async (cwd: string, ...args: string[]) => {
    const file = join(stage.folder, 'peak');
    const env = { NODE_OPTIONS: `--import=${reporter}`, BENCH_PEAK_FILE: file };
    await cachalot(stage, { port: server.port, home: await newHome(stage), cwd, env }, ...args);
    return Number(await readFile(file, 'utf8')) / 1024;
  };
  const save = await peakOf(tree.folder, 'save', '--key', 'tree', '--path', tree.root);
  const target = await freshPlace(stage);
  const restore = await peakOf(target, 'restore', '--key', 'tree', '--path', tree.root, '--fail-on-miss');
  await requireWhole(tree, target);
  return { save, restore };
}
