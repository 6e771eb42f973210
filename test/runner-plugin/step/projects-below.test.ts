import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Test, test } from 'tap';
import { projectsBelow } from '#runner-plugin/step/projects-below.ts';

function tree(t: Test, ...files: string[]): string {
  const folder = t.testdir();
  for (const path of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), '');
  }
  return folder;
}

test('folders with a lockfile, down to the third, and nothing below one of them', async (t) => {
  const folder = tree(
    t,
    'package.json',
    'apps/web/package-lock.json',
    'apps/web/test/fixture/yarn.lock',
    'services/java/shop/pom.xml',
    'services/java/shop/core/pom.xml',
    'a/b/c/d/go.mod',
    'docs/index.md',
  );
  t.same(await projectsBelow(folder), [join(folder, 'apps/web'), join(folder, 'services/java/shop')]);
});

test('what was installed, built or is hidden is no project', async (t) => {
  const folder = tree(
    t,
    ...['node_modules', 'vendor', 'target', '.git', '.m2'].map((name) => `${name}/x/pom.xml`),
  );
  t.same(await projectsBelow(folder), []);
});

test('a collection of projects is not taken for a monorepo', async (t) => {
  const names = Array.from({ length: 33 }, (_, n) => `p${n}/go.mod`);
  t.same(await projectsBelow(tree(t, ...names)), []);
  t.equal((await projectsBelow(tree(t, ...names.slice(1)))).length, 32);
});
