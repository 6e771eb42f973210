/**
 * E4 on file systems that take two names for one: by case (macOS, Windows' disks), or by the form in which an accent is
 * written (macOS). None can be counted on where tests run, so one is played: below the restore's own calls, names are
 * folded before the real file system sees them.
 */
import fs from 'node:fs';
import { test } from 'tap';
import { permits } from '../../../needs.ts';
import { fileOf, headerBlock } from '../../../protocol/format/header-block.ts';
import { archiveOf } from './archives.ts';
import { outcomeOf, settingFor, snapshot, unpackInto } from './setting.ts';

const folder = (name: string) => headerBlock({ name: `${name}/`, type: '5' });
const symlink = (name: string, link: string) => headerBlock({ name, type: '2', link });
const hardlink = (name: string, link: string) => headerBlock({ name, type: '1', link });

/** While `act` runs, names below the folder in which the restore works fold; it names them by relative paths. */
async function folding<T>(act: () => Promise<T>): Promise<T> {
  const fold = (path: unknown) =>
    typeof path === 'string' && !path.startsWith('/') ? path.normalize('NFC').toLowerCase() : path;
  const calls = fs as unknown as Record<string, (...args: unknown[]) => unknown>;
  const names = ['mkdirSync', 'openSync', 'lstatSync', 'utimesSync', 'lutimesSync', 'chmodSync'];
  const real = [...names, 'symlinkSync', 'linkSync'].map((name) => [name, calls[name]] as const);
  for (const [name, call] of real) {
    calls[name] = (first: unknown, ...rest: unknown[]) => {
      if (name === 'symlinkSync') return call?.(first, fold(rest[0]));
      if (name === 'linkSync') return call?.(fold(first), fold(rest[0]));
      return call?.(fold(first), ...rest);
    };
  }
  try {
    return await act();
  } finally {
    for (const [name, call] of real) if (call !== undefined) calls[name] = call;
  }
}

const utf8 = (text: string) => Buffer.from(text).toString('latin1');

for (const [what, one, other] of [
  ['case', 'D', 'd'],
  ['composed and decomposed form', utf8('\u00e9'), utf8('e\u0301')],
] as const) {
  const [first, second] =
    Buffer.compare(Buffer.from(one, 'latin1'), Buffer.from(other, 'latin1')) < 0
      ? [one, other]
      : [other, one];
  const archives = {
    'two folders': [folder(`tree/${first}`), folder(`tree/${second}`)],
    'two files': [fileOf(`tree/${first}`, 'one'), fileOf(`tree/${second}`, 'two')],
    'two links': [symlink(`tree/${first}`, '/'), symlink(`tree/${second}`, '/')],
    'a folder and a file': [folder(`tree/${one}`), fileOf(`tree/${other}`, 'x')],
    'a folder and a link to elsewhere': [folder(`tree/${one}`), symlink(`tree/${other}`, '../../../outside')],
    'a file and a hard link': [
      fileOf('tree/0', 'x'),
      fileOf(`tree/${one}`, 'x'),
      hardlink(`tree/${other}`, 'tree/0'),
    ],
  };

  test(`E4 two names that differ in ${what}, where that does not count (CVE-2021-37701, CVE-2021-37712)`, async (t) => {
    if (!permits(t, fs.existsSync('/proc/self/fd'), 'the restore does not work by relative paths here'))
      return;
    for (const [name, blocks] of Object.entries(archives)) {
      const { folder: everything, target } = settingFor(t);
      const files = blocks.filter((block) => block[156] === 0x30).length;
      const segments = [Buffer.concat([folder('tree'), ...blocks])];
      const archive = archiveOf({ segments, members: blocks.length + 1, files });
      const before = snapshot(everything);
      t.equal(
        await folding(() => outcomeOf(unpackInto(target, archive, { workers: 0 }))),
        'ARCHIVE_DUPLICATE',
        name,
      );
      t.same(snapshot(everything), before);
      t.type(
        await outcomeOf(unpackInto(target, archive, { workers: 0 })),
        'object',
        'which are two elsewhere',
      );
    }
  });
}
