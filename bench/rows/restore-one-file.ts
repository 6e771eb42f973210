/** How long does one file of 1 GiB take to be there again? */
import { comparedRow } from '../compare/compared.ts';
import { CURL_TAR, compareRestores, serveTree } from '../compare/restore.ts';
import type { Question } from '../question.ts';
import { oneFile } from '../trees/one-file.ts';

export const restoreOneFile: Question = {
  rows: ['restore-one-file'],
  async ask(stage) {
    const served = await serveTree(stage, await oneFile(stage));
    const compared = await compareRestores(stage, served, { runs: stage.runs(5) });
    return [comparedRow('restore-one-file', 's', CURL_TAR, compared)];
  },
};
