/** What a stream may not hold, or may not end with: hardening.md E13 to E17. */
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import {
  fileOf,
  headerBlock,
  padded,
  paxOf,
  paxRecord,
  sizeField,
} from '../../../protocol/format/header-block.ts';
import { archiveOf } from './archives.ts';
import { refuses, settingFor, sourceOf, unpackInto } from './setting.ts';

const ROOT = headerBlock({ name: 'tree/', type: '5' });

const stream = (files: number, ...blocks: Buffer[]) =>
  archiveOf({ segments: [Buffer.concat([ROOT, ...blocks])], members: 2, files });

test('E13 sizes that are negative, 2^63, or no number', async (t) => {
  const sized = (size: string | Buffer) => stream(1, headerBlock({ name: 'tree/f', size }));
  const negative = Buffer.from('ffffffffffffffffffffff00', 'hex');
  for (const size of [
    '-0000000001\0',
    negative,
    Buffer.from('8000000000008000000000000000', 'hex'),
    '            ',
    'x',
  ])
    await refuses(t, sized(size), 'ARCHIVE_MALFORMED');
  const pax = (size: string) => stream(1, paxOf(paxRecord('size', size)), headerBlock({ name: 'tree/f' }));
  for (const size of ['-1', '9223372036854775808', '1e3', ''])
    await refuses(t, pax(size), 'ARCHIVE_MALFORMED');
});

test('E13 a size that reaches beyond its segment', async (t) => {
  await refuses(
    t,
    stream(1, headerBlock({ name: 'tree/f', size: sizeField(513) }), Buffer.alloc(512)),
    'ARCHIVE_MALFORMED',
  );
  await refuses(
    t,
    stream(1, headerBlock({ name: 'tree/f', size: sizeField(8 ** 11 - 1) })),
    'ARCHIVE_MALFORMED',
  );
});

test('E14 a pax size, a GNU long name, then a file (CVE-2025-62518, CVE-2026-53655)', async (t) => {
  const inner = fileOf('tree/hidden', 'x');
  const blocks = [
    paxOf(paxRecord('size', String(inner.length))),
    headerBlock({ name: '././@LongLink', type: 'L', size: sizeField(9) }),
    padded('tree/long'),
    headerBlock({ name: 'tree/f', size: sizeField(0) }),
    inner,
  ];
  await refuses(t, stream(1, ...blocks), 'ARCHIVE_MEMBER_REFUSED');
  await refuses(t, stream(1, ...blocks.slice(1)), 'ARCHIVE_MEMBER_REFUSED');
});

test('E15 a folder or a link with a size, within a second', async (t) => {
  for (const fields of [
    { name: 'tree/d/', type: '5' },
    { name: 'tree/l', type: '2', link: 'x' },
    { name: 'tree/h', type: '1', link: 'tree/x' },
  ]) {
    const began = performance.now();
    await refuses(
      t,
      stream(0, headerBlock({ ...fields, size: sizeField(512) }), Buffer.alloc(512)),
      'ARCHIVE_MEMBER_REFUSED',
    );
    t.ok(performance.now() - began < 2000, 'both times');
  }
});

test('E16 devices, FIFOs, sparse files and unknown types', async (t) => {
  for (const type of ['3', '4', '6', '7', 'S', 'D', 'M', 'V', 'g', 'Z', '\0'])
    await refuses(t, stream(0, headerBlock({ name: 'tree/x', type })), 'ARCHIVE_MEMBER_REFUSED');
  await refuses(
    t,
    stream(1, paxOf(paxRecord('GNU.sparse.major', '1')), headerBlock({ name: 'tree/x' })),
    'ARCHIVE_MALFORMED',
  );
});

test('E16 setuid, setgid and sticky are masked', async (t) => {
  const { target } = settingFor(t);
  const blocks = [
    headerBlock({ name: 'tree/d/', type: '5', mode: '0007777\0' }),
    headerBlock({ name: 'tree/f', mode: '0007755\0' }),
  ];
  await unpackInto(target, archiveOf({ segments: [Buffer.concat([ROOT, ...blocks])], members: 3, files: 1 }));
  t.equal(fs.statSync(join(target, 'd')).mode & 0o7777, 0o777);
  t.equal(fs.statSync(join(target, 'f')).mode & 0o7777, 0o755);
});

test('E17 an archive that is cut between members', async (t) => {
  // What is there is whole; the manifest knows of more.
  const content = 'x'.repeat(5000);
  const short = { segments: [ROOT, fileOf('tree/a', content)] };
  for (const workers of [0, 2]) {
    await refuses(t, archiveOf({ ...short, members: 3, files: 2 }), 'ARCHIVE_MALFORMED', { workers });
    await refuses(t, archiveOf({ ...short, members: 3, files: 1 }), 'ARCHIVE_MALFORMED', { workers });
    await refuses(t, archiveOf({ ...short, members: 2, files: 2 }), 'ARCHIVE_MALFORMED', { workers });
  }
  const cut = archiveOf({
    segments: [ROOT, fileOf('tree/a', 'x'), fileOf('tree/b', 'y')],
    members: 3,
    files: 2,
  });
  for (const bytes of [0, 1, cut.layout.segments[0]?.length ?? 0, cut.bytes.length - 200])
    await refuses(t, cut, 'ARCHIVE_MALFORMED', { source: sourceOf(cut.bytes.subarray(0, bytes)) });
});

test('E17 data after the end', async (t) => {
  const end = Buffer.alloc(1024);
  await refuses(t, stream(1, fileOf('tree/a'), end), 'ARCHIVE_MALFORMED');
  await refuses(t, stream(2, fileOf('tree/a'), end, fileOf('tree/b')), 'ARCHIVE_MALFORMED');
  await refuses(t, stream(1, fileOf('tree/a'), Buffer.alloc(512, 'x')), 'ARCHIVE_MALFORMED');
  const archive = stream(1, fileOf('tree/a'));
  const more: typeof archive.bytes = Buffer.concat([archive.bytes, Buffer.alloc(100)]);
  const source = {
    async *read(start: number, end: number) {
      yield more.subarray(start, end + 1);
    },
  };
  await refuses(t, archive, 'ARCHIVE_MALFORMED', { source });
});
