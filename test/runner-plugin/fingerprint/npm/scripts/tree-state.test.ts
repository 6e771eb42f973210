/** Whether scripts have changed node_modules, as against npm, which goes on adding to it while links' scripts run. */
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { changedBetween, treeState } from '#runner-plugin/fingerprint/npm/scripts/tree-state.ts';

/** What is found after `change`, below node_modules. */
function after(t: Test, change: (root: string) => void): string | undefined {
  const folder = t.testdir({
    node_modules: { plain: { 'index.js': 'one', 'other.js': 'two' }, '.bin': {}, '.cache': {} },
  });
  const root = join(folder, 'node_modules');
  const before = treeState([root]);
  change(root);
  return changedBetween(before, treeState([root]), new Set(['tool']))?.slice(root.length + 1);
}

test('what npm adds is no change', async (t) => {
  t.equal(
    after(t, () => undefined),
    undefined,
  );
  t.equal(
    after(t, (root) => {
      writeFileSync(join(root, '.package-lock.json'), '{}');
      symlinkSync('../../packages/tool/cli.js', join(root, '.bin/tool'));
    }),
    undefined,
  );
});

test('what tools keep in .cache is no change: it is not saved', async (t) => {
  t.equal(
    after(t, (root) => writeFileSync(join(root, '.cache/x'), 'x')),
    undefined,
  );
});

const CHANGES: [what: string, change: (root: string) => void, path: string][] = [
  ['a line more', (root) => appendFileSync(join(root, 'plain/index.js'), 'x'), 'plain/index.js'],
  [
    'another content of the same size and time',
    (root) => {
      writeFileSync(join(root, 'plain/index.js'), 'eno');
      utimesSync(join(root, 'plain/index.js'), 1, 1);
    },
    'plain/index.js',
  ],
  ['another mode', (root) => chmodSync(join(root, 'plain/index.js'), 0o755), 'plain/index.js'],
  ['a file less', (root) => rmSync(join(root, 'plain/other.js')), 'plain/other.js'],
  ['a file more', (root) => writeFileSync(join(root, 'generated'), 'x'), 'generated'],
  ['an empty folder more', (root) => mkdirSync(join(root, 'empty')), 'empty'],
  ['a bin of nobody’s', (root) => symlinkSync('x', join(root, '.bin/other')), '.bin/other'],
  [
    'a link in place of a file',
    (root) => {
      rmSync(join(root, 'plain/index.js'));
      symlinkSync('other.js', join(root, 'plain/index.js'));
    },
    'plain/index.js',
  ],
];

for (const [what, change, path] of CHANGES) {
  test(`${what} is a change`, async (t) => {
    t.equal(after(t, change), path);
  });
}
