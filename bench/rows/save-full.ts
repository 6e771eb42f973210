/** How long does it take to save the large tree to a server that has nothing? */
import { comparedRow } from '../compare/compared.ts';
import { compareSaves, TAR_CURL } from '../compare/save.ts';
import type { Question } from '../question.ts';
import { largeTree } from '../trees/large-tree.ts';

export const saveFull: Question = {
  rows: ['save-full'],
  async ask(stage) {
    const compared = await compareSaves(stage, await largeTree(stage), { runs: stage.runs(3) });
    return [comparedRow('save-full', 's', TAR_CURL, compared)];
  },
};
