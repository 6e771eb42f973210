/** Where restored outputs come to lie in time. */
import { mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { settleTimes } from '#runner-plugin/fingerprint/maven-target/times.ts';

const SOURCE = Date.UTC(2026, 0, 2, 3, 4, 5);

for (const [what, age, expected] of [
  ['keep their distances, the last being now', 60_000, [50_000, 55_000, 60_000]],
  ['are squeezed where the checkout is younger than the build was long', 5_001, [1, 2_501, 5_001]],
  ['are one where there is no time between', 1, [1, 1, 1]],
] satisfies [string, number, number[]][]) {
  test(`times ${what}`, async (t) => {
    const folder = t.testdir({ target: {} });
    const target = join(folder, 'target');
    mkdirSync(join(target, 'classes'));
    const paths = ['classes/A.class', 'classes/B.class', 'a.jar'].map((path) => join(target, path));
    for (const [i, path] of paths.entries()) {
      writeFileSync(path, '');
      utimesSync(path, 1_000 + 5 * i, 1_000 + 5 * i);
    }
    await settleTimes({ targets: [join(folder, 'gone'), target], newestSource: SOURCE, now: SOURCE + age });
    t.same(
      paths.map((path) => Math.round(statSync(path).mtimeMs - SOURCE)),
      expected,
    );
  });
}

test('a source that is newer than the present is a reason to do without', async (t) => {
  const target = t.testdir({ 'a.jar': '' });
  await t.rejects(settleTimes({ targets: [target], newestSource: SOURCE + 1_000, now: SOURCE }), {
    code: 'TARGET_UNWRITABLE',
  });
});
