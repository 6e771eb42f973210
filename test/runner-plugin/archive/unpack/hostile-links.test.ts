/**
 * Links as a way out: hardening.md E3 to E7, E18. Two rules stop them all: the order of the stream, in which links come
 * after everything that could go through them, and that a link's folder is a folder of the archive.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { fileOf, headerBlock } from '../../../protocol/format/header-block.ts';
import { archiveOf } from './archives.ts';
import { refuses, settingFor, snapshot, unpackInto } from './setting.ts';

const folder = (name: string) => headerBlock({ name: `${name}/`, type: '5' });
const symlink = (name: string, link: string) => headerBlock({ name, type: '2', link });
const hardlink = (name: string, link: string) => headerBlock({ name, type: '1', link });

/** As a link says it that stands where it would do its harm: in the staging folder's tree. */
const OUTSIDE = '../../../outside';
const EVIL = 'overwritten';

/** Blocks in the order given; the counts are right. */
function stream(...blocks: Buffer[]) {
  const files = blocks.filter((block) => block[156] === 0x30).length;
  return archiveOf({
    segments: [Buffer.concat([folder('tree'), ...blocks])],
    members: blocks.length + 1,
    files,
  });
}

/** The same, each block in a segment of its own: the rules hold from one segment to the next. */
function segments(...blocks: Buffer[]) {
  const files = blocks.filter((block) => block[156] === 0x30).length;
  return archiveOf({ segments: [folder('tree'), ...blocks], members: blocks.length + 1, files });
}

const CASES: Record<string, Buffer[]> = {
  'E3 a symbolic link to elsewhere, then a file through it (CVE-2021-32803)': [
    symlink('tree/d', OUTSIDE),
    fileOf('tree/d/secret', EVIL),
  ],
  'E3 the same with an absolute link': [symlink('tree/d', '/'), fileOf('tree/d/tmp/evil', EVIL)],
  'E4 a link, a folder of its name, then a file in it (CVE-2021-37701)': [
    symlink('tree/d', OUTSIDE),
    folder('tree/d'),
    fileOf('tree/d/secret', EVIL),
  ],
  'E4 a link between folders': [folder('tree/a'), symlink('tree/b', OUTSIDE), folder('tree/b/c')],
  'E7 up, then up again, then a file through both (CVE-2026-26960, CVE-2025-48387)': [
    folder('tree/a'),
    folder('tree/a/b'),
    symlink('tree/a/b/esc', `up/${OUTSIDE}`),
    symlink('tree/a/b/up', '../..'),
    fileOf('tree/a/b/esc/secret', EVIL),
  ],
};

for (const [name, blocks] of Object.entries(CASES)) {
  test(name, async (t) => {
    await refuses(t, stream(...blocks), 'ARCHIVE_MALFORMED');
    await refuses(t, segments(...blocks), 'ARCHIVE_MALFORMED');
    await refuses(t, segments(...blocks), 'ARCHIVE_MALFORMED', { workers: 2 });
  });
}

test('E4 a folder, a link of its name, then a file through it (CVE-2021-37701)', async (t) => {
  const blocks = [folder('tree/d'), symlink('tree/d', OUTSIDE), fileOf('tree/d/secret', EVIL)];
  await refuses(t, stream(...blocks), 'ARCHIVE_MALFORMED');
  // The link is met before the file is: it has the folder's name.
  await refuses(t, segments(...blocks), 'ARCHIVE_DUPLICATE');
  await refuses(t, segments(...blocks), 'ARCHIVE_DUPLICATE', { workers: 2 });
});

test('E7 links in the right order that go through each other', async (t) => {
  // In order they are, but what they lie in is no folder of the archive.
  await refuses(t, stream(symlink('tree/d', OUTSIDE), symlink('tree/d/l', 'x')), 'ARCHIVE_MALFORMED');
  const through = [fileOf('tree/f', 'x'), symlink('tree/d', OUTSIDE), hardlink('tree/d/l', 'tree/f')];
  await refuses(t, stream(...through), 'ARCHIVE_MALFORMED');
});

test('E4 a name twice, as two types (CVE-2021-37712)', async (t) => {
  const twice = [
    [folder('tree/d'), fileOf('tree/d')],
    [folder('tree/d'), symlink('tree/d', OUTSIDE)],
    [fileOf('tree/f'), symlink('tree/f', OUTSIDE)],
    [fileOf('tree/f'), hardlink('tree/f', 'tree/g')],
  ];
  const codes = ['ARCHIVE_DUPLICATE', 'ARCHIVE_DUPLICATE', 'ARCHIVE_DUPLICATE', 'ARCHIVE_MEMBER_REFUSED'];
  for (const [index, blocks] of twice.entries()) await refuses(t, stream(...blocks), codes[index] as string);
});

test('E4 a name twice, as one type', async (t) => {
  await refuses(t, stream(fileOf('tree/f', 'one'), fileOf('tree/f', 'two')), 'ARCHIVE_DUPLICATE');
  await refuses(t, segments(fileOf('tree/f', 'one'), fileOf('tree/f', 'two')), 'ARCHIVE_DUPLICATE');
  await refuses(t, stream(folder('tree/d'), folder('tree/d')), 'ARCHIVE_DUPLICATE');
});

test('members out of order, in a segment and from one to the next', async (t) => {
  await refuses(t, stream(fileOf('tree/b'), fileOf('tree/a')), 'ARCHIVE_MALFORMED');
  await refuses(t, segments(fileOf('tree/b'), fileOf('tree/a')), 'ARCHIVE_MALFORMED');
  await refuses(t, segments(fileOf('tree/b'), folder('tree/z')), 'ARCHIVE_MALFORMED');
});

test('members without their folder, or in a file', async (t) => {
  await refuses(t, stream(fileOf('tree/d/f')), 'ARCHIVE_MALFORMED');
  await refuses(t, stream(folder('tree/d/e')), 'ARCHIVE_MALFORMED');
  await refuses(t, stream(symlink('tree/d/l', 'x')), 'ARCHIVE_MALFORMED');
  await refuses(t, stream(fileOf('tree/f'), fileOf('tree/f/g')), 'ARCHIVE_MALFORMED');
  await refuses(
    t,
    archiveOf({ segments: [fileOf('tree', 'x'), fileOf('tree/f')], members: 2, files: 2 }),
    'ARCHIVE_MALFORMED',
  );
});

test('E5 a hard link to an absolute path, then a write through it (CVE-2026-23745)', async (t) => {
  const { outside } = settingFor(t);
  await refuses(
    t,
    stream(hardlink('tree/l', join(outside, 'secret')), fileOf('tree/l', EVIL)),
    'ARCHIVE_PATH_REFUSED',
  );
  await refuses(t, stream(hardlink('tree/l', '/etc/passwd')), 'ARCHIVE_PATH_REFUSED');
});

test('E6 a hard link that climbs out (CVE-2026-24842)', async (t) => {
  await refuses(
    t,
    stream(folder('tree/sub'), hardlink('tree/sub/l', '../outside/secret')),
    'ARCHIVE_PATH_ESCAPE',
  );
  await refuses(
    t,
    stream(folder('tree/sub'), hardlink('tree/sub/l', 'tree/../../outside/secret')),
    'ARCHIVE_PATH_ESCAPE',
  );
});

test('E6 a hard link through a symbolic link of the archive, to one, to a folder, or to nothing', async (t) => {
  const elsewhere = symlink('tree/d', OUTSIDE);
  await refuses(t, stream(elsewhere, hardlink('tree/l', 'tree/d/secret')), 'ARCHIVE_MALFORMED');
  await refuses(
    t,
    stream(symlink('tree/s', `${OUTSIDE}/secret`), hardlink('tree/t', 'tree/s')),
    'ARCHIVE_MEMBER_REFUSED',
  );
  await refuses(t, stream(folder('tree/e'), hardlink('tree/l', 'tree/e')), 'ARCHIVE_MEMBER_REFUSED');
  await refuses(t, stream(hardlink('tree/l', 'tree/nothing')), 'ARCHIVE_MEMBER_REFUSED');
});

test('E18 a symbolic link that stands in the target goes with the rest', async (t) => {
  const { target, outside } = settingFor(t);
  const before = snapshot(outside);
  fs.symlinkSync(outside, join(target, 'd'));
  await unpackInto(target, stream(folder('tree/d'), fileOf('tree/d/secret', 'ours')));
  t.equal(fs.readFileSync(join(target, 'd/secret'), 'utf8'), 'ours');
  t.ok(fs.lstatSync(join(target, 'd')).isDirectory());
  t.same(snapshot(outside), before);
});

test('E18 a target that is itself a symbolic link is replaced, not followed', async (t) => {
  const { target, outside } = settingFor(t, false);
  const before = snapshot(outside);
  fs.symlinkSync(outside, target);
  await unpackInto(target, stream(fileOf('tree/secret', 'ours')));
  t.ok(fs.lstatSync(target).isDirectory());
  t.same(snapshot(outside), before);
});
