import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { treeDifference } from '#runner-plugin/step/tree-difference.ts';

const ALL = { exclude: [], counts: () => true };

/** Two equal trees; `change` is for the second. */
function trees(t: Test, change: (folder: string) => void = () => undefined) {
  const base = t.testdir();
  const [one, other] = ['one', 'other'].map((name) => {
    const place = join(base, name);
    mkdirSync(join(place, 'a/b'), { recursive: true });
    writeFileSync(join(place, 'a/file'), 'content');
    writeFileSync(join(place, 'a/b/names'), `made in ${place}/a`);
    symlinkSync('file', join(place, 'a/link'));
    return { place, madeIn: place };
  }) as [{ place: string; madeIn: string }, { place: string; madeIn: string }];
  change(other.place);
  return { one, other };
}

test('equal trees, also where their files name the folder that they were made in', async (t) => {
  const { one, other } = trees(t);
  t.equal(await treeDifference(one, other, ALL), undefined);
  t.equal(
    await treeDifference({ place: one.place }, { place: other.place }, ALL),
    'a/b/names',
    'which is a difference unless it is known',
  );
});

test('the first path that differs: content, type, target of a link, executable or not, what is there at all', async (t) => {
  const changes: [string, (folder: string) => void][] = [
    ['a/file', (folder) => writeFileSync(join(folder, 'a/file'), 'other')],
    ['a/file', (folder) => chmodSync(join(folder, 'a/file'), 0o755)],
    ['a/file', (folder) => rmSync(join(folder, 'a/file'))],
    ['a/more', (folder) => mkdirSync(join(folder, 'a/more'))],
    [
      'a/link',
      (folder) => {
        rmSync(join(folder, 'a/link'));
        symlinkSync('b', join(folder, 'a/link'));
      },
    ],
    ['', (folder) => rmSync(folder, { recursive: true })],
  ];
  for (const [path, change] of changes) {
    const { one, other } = trees(t, change);
    t.equal(await treeDifference(one, other, ALL), path, path);
  }
});

test('what is left out, and what does not count', async (t) => {
  const { one, other } = trees(t, (folder) => {
    writeFileSync(join(folder, 'a/b/more'), '');
    writeFileSync(join(folder, 'a/file'), 'other');
  });
  t.equal(await treeDifference(one, other, { ...ALL, exclude: ['a/b'] }), 'a/file');
  t.equal(await treeDifference(one, other, { ...ALL, counts: (path) => path === 'a/link' }), undefined);
});
