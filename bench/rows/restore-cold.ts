/** How long does a large `node_modules` take to be there again, on an empty file system? */
import { comparedRow } from '../compare/compared.ts';
import { CURL_TAR, compareRestores, serveTree } from '../compare/restore.ts';
import type { Question } from '../question.ts';
import { largeTree } from '../trees/large-tree.ts';

export const restoreCold: Question = {
  rows: ['restore-cold'],
  async ask(stage) {
    const served = await serveTree(stage, await largeTree(stage));
    const compared = await compareRestores(stage, served, { runs: stage.runs(3) });
    return [comparedRow('restore-cold', 's', CURL_TAR, compared)];
  },
};
