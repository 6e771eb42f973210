/**
 * The rules by which segments live and die (docs/formats.md, "Life of a segment"), explored whole in small situations: every
 * order of steps, a crash between any two of them, and the clock going on whenever it may.
 */
import { test } from 'tap';
import { explore, readable } from './explore.ts';
import { modelOf } from './run.ts';
import { SITUATIONS, STALLED } from './situations.ts';
import { AS_BUILT } from './state.ts';

const BOUND = 2_000_000;

for (const [name, situation] of Object.entries(SITUATIONS)) {
  test(name, async (t) => {
    const { states, complete, broken } = explore(modelOf(situation, AS_BUILT), BOUND);
    if (broken !== undefined) t.fail(`\n${readable(broken)}`);
    t.ok(complete, 'every state was seen');
    t.comment(`${states} states`);
  });
}

test('a request that takes for ever and does not die still leaves no hole that was promised', async (t) => {
  const rules = { ...AS_BUILT, stall: Number.POSITIVE_INFINITY };
  const { states, complete, broken } = explore(modelOf(STALLED, rules), BOUND);
  if (broken !== undefined) t.fail(`\n${readable(broken)}`);
  t.ok(complete, 'every state was seen');
  t.comment(`${states} states`);
});
