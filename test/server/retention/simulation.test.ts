/** Seeds of the simulation. A seed that fails prints itself and all that led to it; `simulate.ts` runs as many as one likes. */
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { LIFETIMES } from '#server/entries/lifetimes.ts';
import { openSigningKeys, type Signing } from '#server/signing/signing-keys.ts';
import { simulate } from './simulation.ts';

const SEEDS = 40;
const HOUR = 60 * 60 * 1000;

const keys = (t: Test): Promise<Signing> => openSigningKeys(join(t.testdir(), 'signing.pem'));

test(`${SEEDS} seeds break nothing`, async (t) => {
  const signing = await keys(t);
  const counts: Record<string, number> = {};
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { broken, counts: own, steps } = await simulate(seed, signing);
    if (broken !== undefined) t.fail(`seed ${seed}: ${broken.what}\n${broken.trace.join('\n')}`);
    for (const [what, count] of Object.entries({ ...own, steps })) counts[what] = (counts[what] ?? 0) + count;
  }
  t.comment(JSON.stringify(counts));
  for (const what of ['committed', 'exact', 'deleted', 'crash', 'damage', 'removed', 'evicted', 'flush'])
    t.ok((counts[what] ?? 0) > 0, `something was ${what}`);
});

test('one seed is one order of everything', async (t) => {
  const signing = await keys(t);
  const [once, again] = [await simulate(7, signing), await simulate(7, signing)];
  t.same(once, again);
});

test('servers that never hear again of what is condemned are found to break something', async (t) => {
  const signing = await keys(t);
  for (let seed = 1; seed <= 2 * SEEDS; seed++) {
    const { broken } = await simulate(seed, signing, { ...LIFETIMES, known: 10_000 * HOUR });
    if (broken === undefined) continue;
    t.comment(`seed ${seed}: ${broken.what}`);
    t.match(broken.what, /its segment|SEGMENT_MISSING|is not there/);
    return;
  }
  t.fail('no seed found it');
});
