/** How long does it take to save the large tree to a server that is 10 or 50 ms away? */
import { comparedRow } from '../compare/compared.ts';
import { DISTANCES, describe, withWorst } from '../compare/distances.ts';
import { compareSaves, TAR_CURL } from '../compare/save.ts';
import type { Question, Row } from '../question.ts';
import { largeTree } from '../trees/large-tree.ts';

export const saveRtt: Question = {
  rows: ['save-rtt', 'save-rtt-10', 'save-rtt-50'],
  async ask(stage) {
    const tree = await largeTree(stage);
    const rows: Row[] = [];
    for (const distance of DISTANCES) {
      const compared = await compareSaves(stage, tree, { runs: stage.runs(3), distance });
      compared.conditions.link = describe(distance);
      rows.push(comparedRow(`save-rtt-${distance.rttMs}`, 's', TAR_CURL, compared));
    }
    return withWorst('save-rtt', rows);
  },
};
