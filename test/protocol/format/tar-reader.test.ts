/** The rows of hardening.md that a reader of headers decides; the rest of E1 to E18 is the extractor's. */
import { test } from 'tap';
import { LIMITS } from '#protocol/format/limits.ts';
import { encodeHeader } from '#protocol/format/tar-header.ts';
import { type FollowingPart, readMembers } from '#protocol/format/tar-reader.ts';
import { type ErrorCode, isFault } from '#protocol/wire/errors.ts';
import { END, fileOf, headerBlock, padded, paxOf, paxRecord, sizeField } from './header-block.ts';

/** The code that reading throws, or the paths that were read. */
function outcome(stream: Buffer, following?: FollowingPart): ErrorCode | string[] {
  try {
    return readMembers(stream, following).map(({ member }) => member.path);
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
}

const named = (name: string | Buffer) => outcome(headerBlock({ name }));

test('members come with where their content begins', (t) => {
  const stream = Buffer.concat([
    headerBlock({ name: 'd/', type: '5' }),
    fileOf('d/a', 'x'.repeat(600)),
    fileOf('d/b'),
  ]);
  t.same(readMembers(stream), [
    { member: { type: 'directory', path: 'd', mode: 0o644, size: 0, mtime: 499162500 }, contentStart: 512 },
    { member: { type: 'file', path: 'd/a', mode: 0o644, size: 600, mtime: 499162500 }, contentStart: 1024 },
    { member: { type: 'file', path: 'd/b', mode: 0o644, size: 0, mtime: 499162500 }, contentStart: 2560 },
  ]);
  t.same(readMembers(Buffer.alloc(0)), []);
  t.end();
});

test('a segment may begin anywhere in memory', (t) => {
  const stream = fileOf('a', 'content');
  for (const shift of [1, 2, 3]) {
    const shifted = Buffer.concat([Buffer.alloc(shift), stream]).subarray(shift);
    t.same(readMembers(shifted), readMembers(stream));
  }
  t.end();
});

test('E1 paths that climb out are refused (zip-slip)', (t) => {
  for (const name of ['../x', 'a/../../x', '..', 'a/..', 'a/../b']) {
    t.equal(named(name), 'ARCHIVE_PATH_ESCAPE', name);
  }
  t.equal(outcome(headerBlock({ name: 'x', prefix: '..' })), 'ARCHIVE_PATH_ESCAPE', 'in the prefix');
  t.same(named('..x'), ['..x']);
  t.same(named('a..b/...'), ['a..b/...']);
  t.end();
});

test('E2 absolute paths and drive letters are refused, never stripped (CVE-2021-32804, CVE-2021-37713)', (t) => {
  for (const name of ['/etc/x', '//x', 'C:\\x', 'c:..\\x', 'c:x', '\\\\?\\x', '\\x']) {
    t.equal(named(name), 'ARCHIVE_PATH_REFUSED', name);
  }
  t.equal(outcome(headerBlock({ name: 'x', prefix: '/etc' })), 'ARCHIVE_PATH_REFUSED', 'in the prefix');
  t.same(named('a\\..\\b'), ['a\\..\\b'], 'other backslashes are ordinary');
  t.same(named('ab:c'), ['ab:c']);
  t.end();
});

test('E6 hard links that climb out are refused (CVE-2026-24842); E5 absolute ones too (CVE-2026-23745)', (t) => {
  const linked = (link: string) => outcome(headerBlock({ name: 'sub/l', type: '1', link }));
  t.equal(linked('../secret'), 'ARCHIVE_PATH_ESCAPE');
  t.equal(linked('sub/../../secret'), 'ARCHIVE_PATH_ESCAPE');
  t.equal(linked('/etc/passwd'), 'ARCHIVE_PATH_REFUSED');
  t.equal(linked(''), 'ARCHIVE_PATH_REFUSED');
  t.equal(linked('sub/l'), 'ARCHIVE_MEMBER_REFUSED', 'to itself');
  t.same(linked('sub/f'), ['sub/l']);
  t.end();
});

test('E9 a symbolic link keeps its text, up to what a file system holds (CVE-2025-4517)', (t) => {
  const linked = (link: string) =>
    outcome(
      Buffer.concat([
        paxOf(paxRecord('linkpath', link)),
        headerBlock({ name: 'l', type: '2', link: link.slice(0, 100) }),
      ]),
    );
  t.same(linked('../'.repeat(1365)), ['l'], '4,095 bytes');
  t.equal(linked(`${'../'.repeat(1365)}x`), 'ARCHIVE_NAME_TOO_LONG', '4,096 bytes');
  t.equal(linked('é'.repeat(2048)), 'ARCHIVE_NAME_TOO_LONG');
  t.equal(outcome(headerBlock({ name: 'l', type: '2' })), 'ARCHIVE_MEMBER_REFUSED', 'no target');
  t.same(outcome(headerBlock({ name: 'l', type: '2', link: '/anywhere' })), ['l']);
  t.equal(named(''), 'ARCHIVE_PATH_REFUSED', 'no name');
  t.end();
});

test('E11 levels, parts and paths are limited (CVE-2024-28863)', (t) => {
  const deep = (levels: number) => {
    const name = Array(levels).fill('d').join('/');
    return outcome(
      Buffer.concat([paxOf(paxRecord('path', name)), headerBlock({ name: name.slice(0, 100) })]),
    );
  };
  t.equal(deep(1025), 'ARCHIVE_LIMIT');
  t.equal(deep(LIMITS.depth + 1), 'ARCHIVE_LIMIT');
  t.equal(deep(LIMITS.depth).length, 1);
  const wide = (name: string) =>
    outcome(Buffer.concat([paxOf(paxRecord('path', name)), headerBlock({ name })]));
  t.equal(wide('x'.repeat(256)), 'ARCHIVE_NAME_TOO_LONG');
  t.equal(wide('x'.repeat(255)).length, 1);
  t.equal(wide('é'.repeat(128)), 'ARCHIVE_NAME_TOO_LONG');
  t.equal(wide(`${'x'.repeat(99)}/`.repeat(41).slice(0, 4097)), 'ARCHIVE_NAME_TOO_LONG');
  t.end();
});

test('E12 NUL in a pax path and empty names are refused, a name of digits is a name', (t) => {
  const pax = (record: string) =>
    outcome(Buffer.concat([paxOf(record), headerBlock({ name: 'x'.repeat(100) })]));
  t.equal(pax(paxRecord('path', `${'x'.repeat(101)}\0y`)), 'ARCHIVE_MALFORMED');
  t.equal(pax(paxRecord('path', '')), 'ARCHIVE_MALFORMED');
  t.equal(pax(paxRecord('linkpath', 'x\0')), 'ARCHIVE_MALFORMED');
  t.same(named('12345'), ['12345']);
  t.end();
});

test('E13 sizes that are negative, beyond the format or not octal are refused', (t) => {
  const sized = (size: string | Buffer) => outcome(headerBlock({ name: 'x', size }));
  const base256 = Buffer.alloc(12, 0xff);
  for (const size of [
    '-0000000001\0',
    '0000000008\0\0',
    '0x000000000\0',
    ' 0000000000\0',
    '000000000000',
    '\0',
    '1 2\0',
    base256,
  ]) {
    t.equal(sized(size), 'ARCHIVE_MALFORMED', String(size));
  }
  t.equal(sized(Buffer.from('800000000000000000000200', 'hex')), 'ARCHIVE_MALFORMED', 'base-256 of 512');
  t.equal(outcome(headerBlock({ mtime: base256 })), 'ARCHIVE_MALFORMED', 'a time before 1970');
  const pax = (size: string) => outcome(Buffer.concat([paxOf(paxRecord('size', size)), headerBlock()]));
  for (const size of ['-1', String(2n ** 63n), String(2n ** 53n), '1e3', '0x10', ' 1', '01', '']) {
    t.equal(pax(size), 'ARCHIVE_MALFORMED', size);
  }
  t.end();
});

test('E14 a pax size and a GNU long name before a file are refused (CVE-2025-62518, CVE-2026-53655)', (t) => {
  const longName = Buffer.concat([
    headerBlock({ name: '././@LongLink', type: 'L', size: sizeField(2) }),
    padded('y\0'),
  ]);
  const stream = Buffer.concat([paxOf(paxRecord('size', '1024')), longName, fileOf('x', 'content')]);
  t.equal(outcome(stream), 'ARCHIVE_MEMBER_REFUSED');
  t.equal(outcome(Buffer.concat([longName, fileOf('x')])), 'ARCHIVE_MEMBER_REFUSED');
  t.equal(
    outcome(Buffer.concat([paxOf(paxRecord('size', '3')), fileOf('x', 'abc')])),
    'ARCHIVE_MEMBER_REFUSED',
    'a size that fits its field has no business in a pax header',
  );
  t.end();
});

test('E15 only files have a size; folders and links with one are refused at once', (t) => {
  for (const [type, name] of [
    ['5', 'd/'],
    ['2', 'l'],
    ['1', 'h'],
  ] as const) {
    const header = headerBlock({ name, type, size: sizeField(8 ** 11 - 1), link: type === '5' ? '' : 'x' });
    t.equal(outcome(header), 'ARCHIVE_MEMBER_REFUSED', `type ${type}`);
  }
  t.end();
});

test('E16 devices, FIFOs, sparse files and unknown types are refused; setuid, setgid and sticky are masked', (t) => {
  for (const type of [
    '3',
    '4',
    '6',
    '7',
    'S',
    'D',
    'M',
    'V',
    'N',
    'K',
    'L',
    'g',
    'X',
    'A',
    'Z',
    '\0',
    ' ',
    '8',
  ]) {
    t.equal(outcome(headerBlock({ type })), 'ARCHIVE_MEMBER_REFUSED', JSON.stringify(type));
  }
  const sparse = paxOf(paxRecord('GNU.sparse.major', '1'), paxRecord('GNU.sparse.name', 'x'));
  t.equal(outcome(Buffer.concat([sparse, fileOf('x')])), 'ARCHIVE_MALFORMED', 'a sparse file by pax');
  t.equal(readMembers(headerBlock({ mode: '0007777\0' }))[0]?.member.mode, 0o777);
  t.end();
});

test('E17 an archive cut inside a member, and data that is no member, are refused', (t) => {
  const stream = Buffer.concat([fileOf('a', 'x'.repeat(600)), fileOf('b', 'y')]);
  const ends = Array.from({ length: stream.length }, (_, end) => end);
  const accepted = ends.filter((end) => outcome(stream.subarray(0, end)) !== 'ARCHIVE_MALFORMED');
  // Between two members a segment may end: that none is missing is for the manifest to say.
  t.same(accepted, [0, 1536]);
  t.equal(outcome(Buffer.concat([stream, END])), 'ARCHIVE_MALFORMED', 'zero blocks after the members');
  t.equal(
    outcome(Buffer.concat([stream, Buffer.alloc(512, 'x')])),
    'ARCHIVE_MALFORMED',
    'something after them',
  );
  const long = encodeHeader({ type: 'file', path: 'x'.repeat(150), mode: 0o644, size: 0, mtime: 0 });
  t.equal(outcome(long.subarray(0, 512)), 'ARCHIVE_MALFORMED', 'cut after the block of a pax header');
  t.equal(outcome(long.subarray(0, 1024)), 'ARCHIVE_MALFORMED', 'cut after its records');
  t.end();
});

test('E17 nothing stands in the padding: what no reader shows would be no part of the tree', (t) => {
  const stream = Buffer.concat([fileOf('a', 'x'.repeat(600)), fileOf('b')]);
  const hidden = Array.from({ length: 1536 - 1112 }, (_, n) => 1112 + n).filter((at) => {
    const changed = Buffer.from(stream);
    changed[at] = 1;
    return outcome(changed) !== 'ARCHIVE_MALFORMED';
  });
  t.same(hidden, []);
  const pax = Buffer.concat([paxOf(paxRecord('path', 'x'.repeat(120))), headerBlock({ name: 'x' })]);
  pax[1023] = 1;
  t.equal(outcome(pax), 'ARCHIVE_MALFORMED', 'of a pax header');
  t.end();
});

test('D4 the header of a large file agrees with the parts that the manifest names, and stands alone', (t) => {
  const size = 20_000_000;
  const header = headerBlock({ name: 'big', size: sizeField(size) });
  t.same(readMembers(header, { path: 'big', size }), [
    {
      member: { type: 'file', path: 'big', mode: 0o644, size, mtime: 499162500 },
      contentStart: 512,
      contentInParts: true,
    },
  ]);
  t.equal(outcome(header), 'ARCHIVE_MALFORMED', 'a header whose content is nowhere');
  t.equal(outcome(header, { path: 'big', size: size - 1 }), 'ARCHIVE_MALFORMED', 'another size');
  t.equal(outcome(header, { path: 'bog', size }), 'ARCHIVE_MALFORMED', 'another path');
  t.equal(
    outcome(Buffer.concat([fileOf('a'), header]), { path: 'big', size }),
    'ARCHIVE_MALFORMED',
    'a member before it',
  );
  t.equal(
    outcome(Buffer.concat([header, fileOf('a')]), { path: 'big', size }),
    'ARCHIVE_MALFORMED',
    'a member after it',
  );
  t.equal(outcome(Buffer.concat([header, header]), { path: 'big', size }), 'ARCHIVE_MALFORMED', 'twice');
  t.equal(outcome(Buffer.alloc(0), { path: 'big', size }), 'ARCHIVE_MALFORMED', 'no header');
  t.equal(
    outcome(headerBlock({ name: 'big/', type: '5' }), { path: 'big', size: 0 }),
    'ARCHIVE_MALFORMED',
    'a folder',
  );
  t.end();
});

test('a wrong checksum is refused, in every byte', (t) => {
  const header = headerBlock({ name: 'x' });
  const accepted: number[] = [];
  for (let at = 0; at < header.length; at++) {
    const damaged = Buffer.from(header);
    damaged[at] = (damaged[at] as number) ^ 0x01;
    if (Array.isArray(outcome(damaged))) accepted.push(at);
  }
  t.same(accepted, []);
  t.equal(outcome(headerBlock({ checksum: '-00001\0 ' })), 'ARCHIVE_MALFORMED');
  t.end();
});

test('GNU and old headers are refused: their fields mean something else', (t) => {
  for (const magic of ['ustar  \0', '\0\0\0\0\0\0\0\0', 'ustar\u000001', 'USTAR\u000000']) {
    t.equal(outcome(headerBlock({ magic })), 'ARCHIVE_MALFORMED', JSON.stringify(magic));
  }
  t.end();
});

test('members have no owner', (t) => {
  for (const owner of ['0001750\0', '-1', '\0', '0000008\0']) {
    t.type(outcome(headerBlock({ uid: owner })), 'string', owner);
    t.type(outcome(headerBlock({ gid: owner })), 'string', owner);
  }
  t.end();
});

test('names that are not written one way are refused', (t) => {
  for (const name of ['a//b', './a', 'a/.', 'a/./b', 'f/'])
    t.equal(named(name), 'ARCHIVE_PATH_REFUSED', name);
  t.equal(
    outcome(headerBlock({ name: 'd', type: '5' })),
    'ARCHIVE_MEMBER_REFUSED',
    'a folder without its slash',
  );
  t.equal(outcome(headerBlock({ name: 'd//', type: '5' })), 'ARCHIVE_PATH_REFUSED');
  t.equal(outcome(headerBlock({ name: '/', type: '5' })), 'ARCHIVE_PATH_REFUSED');
  t.equal(named('.'), 'ARCHIVE_MEMBER_REFUSED', 'only a folder is the anchor itself');
  t.same(outcome(headerBlock({ name: './', type: '5' })), ['.']);
  t.equal(outcome(headerBlock({ link: 'y' })), 'ARCHIVE_MEMBER_REFUSED', 'a file with a target');
  t.equal(named(Buffer.from('ff', 'hex')), 'ARCHIVE_NAME_NOT_UTF8');
  t.equal(named(Buffer.from('c080', 'hex')), 'ARCHIVE_NAME_NOT_UTF8', 'an overlong NUL');
  t.equal(named(Buffer.from('eda080', 'hex')), 'ARCHIVE_NAME_NOT_UTF8', 'a lone surrogate');
  t.end();
});

test('pax headers are refused unless they are the one that their member needs', (t) => {
  const long = 'x'.repeat(120);
  const header = headerBlock({ name: 'x'.repeat(100) });
  const after = (...pax: Buffer[]) => outcome(Buffer.concat([...pax, header]));
  t.same(after(paxOf(paxRecord('path', long))), [long]);
  t.equal(after(paxOf(paxRecord('path', 'short'))), 'ARCHIVE_MEMBER_REFUSED', 'not needed');
  t.equal(after(paxOf(paxRecord('path', long), paxRecord('path', long))), 'ARCHIVE_MALFORMED', 'twice');
  t.equal(
    after(paxOf(paxRecord('path', long)), paxOf(paxRecord('path', long))),
    'ARCHIVE_MEMBER_REFUSED',
    'two headers',
  );
  for (const keyword of [
    'mtime',
    'uid',
    'gid',
    'uname',
    'charset',
    'hdrcharset',
    'comment',
    'SCHILY.xattr.user.x',
    'Path',
  ]) {
    t.equal(after(paxOf(paxRecord('path', long), paxRecord(keyword, '1'))), 'ARCHIVE_MALFORMED', keyword);
  }
  for (const records of [
    '',
    '\0',
    '12 path=x',
    'path=x\n',
    '0 path=x\n',
    '08 path=x\n',
    '8 path=x\n',
    '7 path=x\n',
    '8 path x\n',
    '9 path=x!',
    '99999999999 path=x\n',
  ]) {
    t.equal(after(paxOf(records)), 'ARCHIVE_MALFORMED', JSON.stringify(records));
  }
  const global = Buffer.concat([headerBlock({ type: 'g', size: sizeField(11) }), padded('11 path=ab\n')]);
  t.equal(after(global), 'ARCHIVE_MEMBER_REFUSED', 'a global header');
  t.equal(after(paxOf('x'.repeat(100_000))), 'ARCHIVE_MALFORMED', 'more than two paths need');
  t.end();
});
