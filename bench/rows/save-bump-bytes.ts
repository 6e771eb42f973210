/** How many bytes does a save send after three packages of the large tree were bumped? */
import { join } from 'node:path';
import { bumpedRow } from '../compare/bumped.ts';
import { list } from '../interleave.ts';
import type { Question } from '../question.ts';
import { pick, seeded } from '../random.ts';
import { cachalot, newHome, startServer } from '../stage/cachalot.ts';
import { startCounter } from '../stage/counter.ts';
import { freshPlace } from '../stage/xfs.ts';
import { bumpPackage, packagesOf } from '../trees/bump.ts';
import { largeTree } from '../trees/large-tree.ts';
import { copyTree, sizeOf } from '../trees/tree.ts';

const BUMPED = 3;
const SEED = 3;

export const saveBumpBytes: Question = {
  rows: ['save-bump-bytes'],
  async ask(stage) {
    const tree = await largeTree(stage);
    const cwd = await freshPlace(stage);
    const modules = join(cwd, tree.root);
    await copyTree(stage, join(tree.folder, tree.root), modules);
    const server = await startServer(stage, join(stage.folder, 'data'));
    const counter = await startCounter(stage, server.port);
    const client = { port: counter.port, home: await newHome(stage), cwd };
    const sentBy = async (key: string) => {
      counter.reset();
      await cachalot(stage, client, 'save', '--key', key, '--path', tree.root);
      return counter.up;
    };
    const full = await sentBy('full');
    const packages = await packagesOf(modules);
    const random = seeded(SEED);
    const sent: number[] = [];
    const changed: number[] = [];
    for (let draw = 0; draw < stage.runs(7); draw++) {
      let bytes = 0;
      for (const folder of pick(packages, BUMPED, random)) bytes += await bumpPackage(folder);
      changed.push(bytes);
      sent.push(await sentBy(`bump-${draw}`));
    }
    const conditions = {
      'raw bytes of the bumped packages': list(changed),
      tree: sizeOf(tree),
      bumps: `${BUMPED} of ${packages.length} packages at random a run, every file of them changed`,
    };
    return [bumpedRow('save-bump-bytes', { sent, full, conditions })];
  },
};
