/** How long does the large tree take from a server that is 10 or 50 ms away? */
import { comparedRow } from '../compare/compared.ts';
import { DISTANCES, describe, withWorst } from '../compare/distances.ts';
import { CURL_TAR, compareRestores, serveTree } from '../compare/restore.ts';
import type { Question, Row } from '../question.ts';
import { largeTree } from '../trees/large-tree.ts';

export const restoreRtt: Question = {
  rows: ['restore-rtt', 'restore-rtt-10', 'restore-rtt-50'],
  async ask(stage) {
    const served = await serveTree(stage, await largeTree(stage));
    const rows: Row[] = [];
    for (const distance of DISTANCES) {
      const compared = await compareRestores(stage, served, { runs: stage.runs(3), distance });
      compared.conditions.link = describe(distance);
      rows.push(comparedRow(`restore-rtt-${distance.rttMs}`, 's', CURL_TAR, compared));
    }
    return withWorst('restore-rtt', rows);
  },
};
