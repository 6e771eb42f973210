/** How long does it take to save, under another key, a tree that the server has: knowing its files' digests, and not? */
import { join } from 'node:path';
import { comparedRow } from '../compare/compared.ts';
import { readOnce, requireEntries } from '../compare/save.ts';
import type { Question } from '../question.ts';
import { cachalot, newHome, startServer } from '../stage/cachalot.ts';
import { freshPlace } from '../stage/xfs.ts';
import { largeTree } from '../trees/large-tree.ts';
import { sizeOf } from '../trees/tree.ts';

export const saveUnchanged: Question = {
  rows: ['save-unchanged', 'save-unchanged-no-table'],
  async ask(stage) {
    const tree = await largeTree(stage);
    await readOnce(stage, tree);
    const full: number[] = [];
    const withTable: number[] = [];
    const withoutTable: number[] = [];
    for (let turn = 0; turn < stage.runs(3); turn++) {
      await stage.within(async (run) => {
        const server = await startServer(run, join(await freshPlace(run), 'data'));
        const known = { port: server.port, home: await newHome(run), cwd: tree.folder };
        const unknown = { ...known, home: await newHome(run) };
        const save = async (client: typeof known, key: string) =>
          (await cachalot(run, client, 'save', '--key', key, '--path', tree.root)).seconds;
        full.push(await save(known, 'first'));
        withTable.push(await save(known, 'again'));
        withoutTable.push(await save(unknown, 'again-without-table'));
        await requireEntries(server, 3);
      });
    }
    const conditions = { tree: sizeOf(tree) };
    const against = 'cachalot save of the same tree to an empty server';
    return [
      comparedRow('save-unchanged', 's', against, { ours: withTable, theirs: full, conditions }),
      comparedRow('save-unchanged-no-table', 's', against, { ours: withoutTable, theirs: full, conditions }),
    ];
  },
};
