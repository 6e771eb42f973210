import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'tap';
import { listFolder } from '#server/store/list-folder.ts';

test('a folder with more names than a page gives each once, in byte order', async (t) => {
  const folder = t.testdir();
  const names = Array.from({ length: 120 }, (_, n) =>
    n % 5 === 0 ? `${n}/in` : n % 3 === 0 ? `${n}-x` : `${n}`,
  );
  for (const name of names) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), '');
  }
  for (const page of [1, 2, 7, 60, 119, 120, 121, 10_000]) {
    t.same(await Array.fromAsync(listFolder(folder, '', page)), names.sort(), `pages of ${page}`);
  }
  const from4 = names.filter((name) => name.startsWith('4')).sort();
  t.same(await Array.fromAsync(listFolder(folder, '4', 7)), from4);
});
