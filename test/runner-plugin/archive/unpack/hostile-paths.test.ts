/** Names that lead elsewhere: hardening.md E1, E2, E8, E9, E11, E12. The reader's own rules are tested with it. */
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { encodeStored } from '#protocol/format/frame.ts';
import { LIMITS } from '#protocol/format/limits.ts';
import { fileOf, headerBlock, paxOf, paxRecord } from '../../../protocol/format/header-block.ts';
import { archiveOf } from './archives.ts';
import { refuses, settingFor, unpackInto } from './setting.ts';

const ROOT = headerBlock({ name: 'tree/', type: '5' });

/** One file of that name in `workspace:tree`. */
const naming = (name: string) =>
  archiveOf({ segments: [Buffer.concat([ROOT, longNamed(name)])], members: 2, files: 1 });

const longNamed = (name: string) =>
  name.length <= 100 ? fileOf(name) : Buffer.concat([paxOf(paxRecord('path', name)), headerBlock({ name })]);

test('E1 paths that climb out (zip-slip)', async (t) => {
  for (const name of ['../x', 'tree/../x', 'tree/a/../../x', '..', 'tree/..', 'tree/../../outside/secret'])
    await refuses(t, naming(name), 'ARCHIVE_PATH_ESCAPE');
});

test('E1 members of another root, or of none', async (t) => {
  for (const name of ['other/x', 'x', 'treeless/x']) await refuses(t, naming(name), 'ARCHIVE_PATH_ESCAPE');
});

test('E2 absolute paths and drive letters, refused and never stripped (CVE-2021-32804, CVE-2021-37713)', async (t) => {
  for (const name of ['/etc/x', '//x', '\\x', 'C:\\x', 'c:..\\x', '\\\\?\\x', '/tree/x'])
    await refuses(t, naming(name), 'ARCHIVE_PATH_REFUSED');
});

test('E2 other backslashes and colons are ordinary', async (t) => {
  const { target } = settingFor(t);
  await unpackInto(target, naming('tree/a\\..\\b:c'));
  t.same(fs.readdirSync(target), ['a\\..\\b:c']);
});

test("E8 a sibling whose name begins with the root's (CVE-2025-59343)", async (t) => {
  await refuses(t, naming('tree-evil/x'), 'ARCHIVE_PATH_ESCAPE');
  const linked = (type: string, name: string, link: string) =>
    archiveOf({ segments: [Buffer.concat([ROOT, headerBlock({ name, type, link })])], members: 2, files: 0 });
  await refuses(t, linked('1', 'tree/l', 'tree-evil/secret'), 'ARCHIVE_PATH_ESCAPE');
  await refuses(t, linked('2', 'tree-evil', '/anywhere'), 'ARCHIVE_PATH_ESCAPE');
});

test('E9 an empty name; a link longer than a path may be; a chain of links beyond PATH_MAX (CVE-2025-4517)', async (t) => {
  await refuses(t, naming(''), 'ARCHIVE_PATH_REFUSED');
  const link = `${'../'.repeat(1365)}x`;
  const long = Buffer.concat([
    ROOT,
    paxOf(paxRecord('linkpath', link)),
    headerBlock({ name: 'tree/l', type: '2', link: link.slice(0, 100) }),
  ]);
  await refuses(t, archiveOf({ segments: [long], members: 2, files: 0 }), 'ARCHIVE_NAME_TOO_LONG');
  // As in the exploit: each step doubles what realpath must expand, and the last leads out; then a file through it.
  const step = 'd'.repeat(80);
  const steps = 'abcdefghijklmnop'.split('');
  const chain = [
    ROOT,
    ...steps.map((letter) => headerBlock({ name: `tree/${letter}`, type: '2', link: `${step}/${letter}` })),
    headerBlock({ name: 'tree/q', type: '2', link: `${steps.join('/')}/${'../'.repeat(20)}outside` }),
    fileOf('tree/q/secret', 'overwritten'),
  ];
  await refuses(
    t,
    archiveOf({ segments: [Buffer.concat(chain)], members: 19, files: 1 }),
    'ARCHIVE_MALFORMED',
  );
});

test('E11 1,025 levels, and a component of 256 bytes (CVE-2024-28863)', async (t) => {
  await refuses(t, naming(`tree/${Array(1024).fill('d').join('/')}`), 'ARCHIVE_LIMIT');
  await refuses(t, naming(`tree/${'x'.repeat(256)}`), 'ARCHIVE_NAME_TOO_LONG');
  await refuses(t, naming(`tree/${'é'.repeat(128)}`), 'ARCHIVE_NAME_TOO_LONG');
});

test('E11 a million empty members where a manifest announces ten: refused at the first segment (CVE-2024-28863)', async (t) => {
  const perSegment = LIMITS.segmentRaw / 512;
  const names = Array.from(
    { length: perSegment - 1 },
    (_, index) => `tree/${String(index).padStart(5, '0')}`,
  );
  const segment = Buffer.concat([ROOT, ...names.map((name) => headerBlock({ name }))]);
  const segments = Array(Math.ceil(1e6 / perSegment)).fill({
    raw: segment,
    stored: encodeStored(segment).stored,
  });
  const archive = archiveOf({ segments, members: 10, files: 9 });
  const before = process.memoryUsage().rss;
  await refuses(t, archive, 'ARCHIVE_MALFORMED', { onProgress: () => t.fail('members were created') });
  t.ok(process.memoryUsage().rss - before < 300e6, 'memory is bounded');
});

test('E11 more members than an entry may have are not begun with', async (t) => {
  const archive = archiveOf({ segments: [ROOT], members: 1, files: 0 });
  const [root] = archive.manifest.roots;
  if (root !== undefined) root.members = LIMITS.membersPerEntry + 1;
  archive.manifest.totals.members = LIMITS.membersPerEntry + 1;
  await refuses(t, archive, 'MANIFEST_UNREADABLE');
});

test('E12 NUL in a pax path is refused; a name of digits is a name', async (t) => {
  const hidden = Buffer.concat([
    ROOT,
    paxOf(paxRecord('path', `tree/${'x'.repeat(120)}\0y`)),
    headerBlock({ name: 'tree/x' }),
  ]);
  await refuses(t, archiveOf({ segments: [hidden], members: 2, files: 1 }), 'ARCHIVE_MALFORMED');
  const { target } = settingFor(t);
  await unpackInto(target, naming('tree/12345'));
  t.ok(fs.statSync(join(target, '12345')).isFile());
});
