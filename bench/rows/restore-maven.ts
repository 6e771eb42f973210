/** How long does a Maven repository take to be there again? */
import { comparedRow } from '../compare/compared.ts';
import { CURL_TAR, compareRestores, serveTree } from '../compare/restore.ts';
import type { Question } from '../question.ts';
import { mavenTree } from '../trees/maven-tree.ts';

export const restoreMaven: Question = {
  rows: ['restore-maven'],
  async ask(stage) {
    const served = await serveTree(stage, await mavenTree(stage));
    const compared = await compareRestores(stage, served, { runs: stage.runs(7), warmUp: true });
    return [comparedRow('restore-maven', 's', CURL_TAR, compared)];
  },
};
