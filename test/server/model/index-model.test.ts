/** A miss of the index is believed only where nothing can be missing from it. */
import { test } from 'tap';
import { explore, readable } from './explore.ts';
import { INDEX_AS_BUILT, type IndexRules, indexModel, indexWorld } from './index-model.ts';

const BOUND = 500_000;
const BUSY = indexWorld(['commit', 'reindex', 'reindex', 'retire', 'commit'], 2);
const FLUSHED = indexWorld(['reindex', 'reindex'], 2, true);

test('commits, retirements and reindexes while the index is flushed and calls to it fail', async (t) => {
  for (const world of [BUSY, FLUSHED]) {
    const { states, complete, broken } = explore(indexModel(world, INDEX_AS_BUILT), BOUND);
    if (broken !== undefined) t.fail(`\n${readable(broken)}`);
    t.ok(complete, `${states} states`);
  }
});

const MUTANTS: Record<string, Partial<IndexRules>> = {
  'a reindex writes its epoch whatever has happened': { epochIsChecked: false },
  'an index that was not told keeps its epoch': { doubts: false },
  'a doubt leaves a reindex under way as it is': { doubtSpoils: false },
};

for (const [name, change] of Object.entries(MUTANTS)) {
  test(`caught: ${name}`, async (t) => {
    const found = [BUSY, FLUSHED]
      .map((world) => explore(indexModel(world, { ...INDEX_AS_BUILT, ...change }), BOUND).broken)
      .filter((broken) => broken !== undefined)
      .sort((a, b) => a.trace.length - b.trace.length);
    t.ok(found[0] !== undefined, 'it is found');
    if (found[0] !== undefined) t.comment(`\n${readable(found[0])}`);
  });
}
