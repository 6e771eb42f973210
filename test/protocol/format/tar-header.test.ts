import { type Test, test } from 'tap';
import type { Member } from '#protocol/format/member.ts';
import { BLOCK, encodeHeader, headerBytes, paddedSize, writeHeader } from '#protocol/format/tar-header.ts';
import { readMembers } from '#protocol/format/tar-reader.ts';
import { need } from '../../needs.ts';
import { type Listed, listWithGnuTar } from './gnu-tar.ts';
import { END, headerBlock, paxOf, paxRecord, sizeField } from './header-block.ts';

const TIME = 499162500;
const file = (path: string, more: Partial<Member> = {}): Member => ({
  type: 'file',
  path,
  mode: 0o644,
  size: 0,
  mtime: TIME,
  ...more,
});
const directory = (path: string): Member => ({ type: 'directory', path, mode: 0o755, size: 0, mtime: TIME });
const symlink = (path: string, link: string): Member => ({
  type: 'symlink',
  path,
  mode: 0o777,
  size: 0,
  mtime: TIME,
  link,
});
const hardlink = (path: string, link: string): Member => ({
  type: 'hardlink',
  path,
  mode: 0o644,
  size: 0,
  mtime: TIME,
  link,
});

/** `bytes` bytes of name, in parts of ten. */
const long = (bytes: number) =>
  'abcdefghi/'
    .repeat(Math.ceil(bytes / 10))
    .slice(0, bytes - 1)
    .concat('z');

test('a header is ustar with nothing of the machine in it', (t) => {
  const written = encodeHeader(file('node_modules/x/index.js', { mode: 0o755, size: 1234 }));
  const expected = headerBlock({
    name: 'node_modules/x/index.js',
    mode: '0000755\0',
    size: '00000002322\0',
    mtime: '03560116604\0',
  });
  t.ok(written.equals(expected));
  t.end();
});

test('a directory has a slash at its end, a link its target', (t) => {
  t.equal(encodeHeader(directory('a/b')).toString('latin1', 0, 6), 'a/b/\0\0');
  t.equal(encodeHeader(directory('.')).toString('latin1', 0, 4), './\0\0');
  t.equal(encodeHeader(symlink('l', '../x')).toString('latin1', 157, 162), '../x\0');
  t.equal(encodeHeader(hardlink('h', 'a/f')).toString('latin1', 156, 161), '1a/f\0');
  t.end();
});

test('names that a slash divides into 155 and 100 bytes need no pax header', (t) => {
  const divided = (prefix: number, name: number) => file(`${'p'.repeat(prefix)}/${'n'.repeat(name)}`);
  t.equal(headerBytes(file(long(100))), BLOCK);
  t.equal(headerBytes(file(long(101))), BLOCK);
  t.equal(headerBytes(divided(155, 100)), BLOCK);
  t.equal(headerBytes(divided(156, 1)), 3 * BLOCK);
  t.equal(headerBytes(divided(1, 101)), 3 * BLOCK);
  t.equal(headerBytes(file('x'.repeat(101))), 3 * BLOCK, 'a part of 101 bytes cannot be divided');
  t.equal(headerBytes(directory('x'.repeat(99))), BLOCK);
  t.equal(headerBytes(directory('x'.repeat(100))), 3 * BLOCK, 'the slash of a directory counts');
  t.equal(headerBytes(file('é'.repeat(50))), BLOCK, 'bytes count, not characters');
  t.equal(headerBytes(file(`${'é'.repeat(50)}x`)), 3 * BLOCK);
  t.end();
});

test('links over 100 bytes and sizes over 8 GiB take pax records, in one order', (t) => {
  t.equal(headerBytes(symlink('l', 'x'.repeat(100))), BLOCK);
  const link = encodeHeader(symlink('l', 'x'.repeat(101)));
  t.match(link.toString('latin1', BLOCK, 2 * BLOCK), paxRecord('linkpath', 'x'.repeat(101)));
  t.equal(headerBytes(file('f', { size: 8 ** 11 - 1 })), BLOCK);
  const huge = encodeHeader(file('x'.repeat(101), { size: 8 ** 11 }));
  const records = paxRecord('path', 'x'.repeat(101)) + paxRecord('size', String(8 ** 11));
  t.ok(huge.subarray(BLOCK, 2 * BLOCK).equals(paxOf(records).subarray(BLOCK)));
  t.equal(huge.toString('latin1', 2 * BLOCK + 124, 2 * BLOCK + 136), sizeField(0));
  t.end();
});

test('a pax record counts the digits of its own length', (t) => {
  // With a path of 89 bytes the record is one of 98 bytes and its two digits make 100, which has three.
  for (const bytes of [
    101, 102, 980, 981, 982, 983, 984, 985, 986, 987, 988, 989, 990, 991, 992, 993, 994, 995,
  ]) {
    const path = `x/${'y'.repeat(bytes - 2)}`.replace(/y{200}/g, (run) => `${run.slice(1)}/`);
    const [read] = readMembers(encodeHeader(file(path)));
    t.equal(read?.member.path, path, `${bytes} bytes`);
  }
  t.end();
});

test('a header is written where it is told to, and only there', (t) => {
  const target = Buffer.alloc(5 * BLOCK, 0xee);
  t.equal(writeHeader(file('x'.repeat(150)), target, BLOCK), 4 * BLOCK);
  t.ok(target.subarray(0, BLOCK).equals(Buffer.alloc(BLOCK, 0xee)));
  t.ok(target.subarray(4 * BLOCK).equals(Buffer.alloc(BLOCK, 0xee)));
  t.ok(target.subarray(BLOCK, 4 * BLOCK).equals(encodeHeader(file('x'.repeat(150)))));
  t.end();
});

test('numbers that do not fit are a programming error', (t) => {
  t.throws(() => encodeHeader(file('x', { mtime: -1 })), RangeError);
  t.throws(() => encodeHeader(file('x', { mtime: 1.5 })), RangeError);
  t.throws(() => encodeHeader(file('x', { mode: 8 ** 7 })), RangeError);
  t.end();
});

test('sizes are padded to whole blocks', (t) => {
  t.same([0, 1, 511, 512, 513, 8 ** 11].map(paddedSize), [0, 512, 512, 512, 1024, 8 ** 11]);
  t.end();
});

const ODD: Member[] = [
  directory('.'),
  directory('d'),
  directory(`d/${'é'.repeat(120)}`),
  file('with space'),
  file('line\nbreak'),
  file('tab\tand "quotes" and \\ and \x07'),
  file('trailing '),
  file('-rf'),
  file('12345'),
  file('*?[a-z]'),
  file('e\u0301 decomposed'),
  file('é composed'),
  file('日本語/ファイル.txt'),
  file('𝒳/😀'),
  file('\u202egnp.exe'),
  file('n'.repeat(255)),
  file(`${'é'.repeat(127)}x`),
  file(long(100)),
  file(long(101)),
  file(long(156)),
  file(long(256)),
  file(long(257)),
  file(long(700)),
  file(`${'é'.repeat(77)}/${'ü'.repeat(50)}`),
  file(`${'é'.repeat(78)}/${'ü'.repeat(50)}`),
  file(`${'x'.repeat(155)}/${'y'.repeat(100)}`),
  file(`${'x'.repeat(156)}/${'y'.repeat(100)}`),
  symlink('dangling', '/nowhere/at all'),
  symlink('up', '../../..'),
  symlink('long link', 'é/'.repeat(200)),
  hardlink('hard', 'n'.repeat(255)),
  hardlink('hard long', long(700)),
];

/** A member as GNU tar lists it. */
function asListed({ type, mode, size, mtime, path, link }: Member): Listed {
  const letter = { directory: 'd', file: '-', symlink: 'l', hardlink: 'h' }[type];
  const bits = [...'rwxrwxrwx'].map((bit, i) => ((mode >> (8 - i)) & 1 ? bit : '-')).join('');
  const listed = { type: letter, mode: bits, size, mtime, path: type === 'directory' ? `${path}/` : path };
  return link === undefined ? listed : { ...listed, link };
}

test('GNU tar and our reader read every odd name as it was', (t: Test) => {
  if (!need(t, 'tar')) return;
  const stream = Buffer.concat(ODD.map(encodeHeader));
  t.same(
    readMembers(stream).map(({ member }) => member),
    ODD,
  );
  const listed = listWithGnuTar(Buffer.concat([stream, END]));
  t.same(listed, ODD.map(asListed));
  t.end();
});
