import fc from 'fast-check';
import { test } from 'tap';
import {
  checkLink,
  checkMemberPath,
  compareMembers,
  comparePaths,
  decodeName,
  isInside,
  type MemberType,
} from '#protocol/format/member.ts';
import { isFault } from '#protocol/wire/errors.ts';

function codeOf(act: () => unknown): string {
  try {
    act();
    return 'accepted';
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
}

test('directories come first, then files, symbolic links and hard links, each in byte order', (t) => {
  const types: MemberType[] = ['hardlink', 'symlink', 'file', 'directory'];
  const members = types.flatMap((type) => ['b', 'a/z', 'a', 'a.b', 'a-'].map((path) => ({ type, path })));
  t.same(
    members.sort(compareMembers).map(({ type, path }) => `${type[0]}${path}`),
    ['d', 'f', 's', 'h'].flatMap((letter) =>
      ['a', 'a-', 'a.b', 'a/z', 'b'].map((path) => `${letter}${path}`),
    ),
  );
  t.end();
});

test('byte order is that of UTF-8, not of UTF-16', (t) => {
  t.ok(comparePaths('\u{1f600}', '\uffee') > 0);
  const unit = fc.constantFrom('a', 'b', '/', 'é', '\ud7ff', '\ue000', '\uffee', '\u{10000}', '\u{1f600}');
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 6 }), fc.string({ unit, maxLength: 6 }), (a, b) => {
      return Math.sign(comparePaths(a, b)) === Buffer.compare(Buffer.from(a), Buffer.from(b));
    }),
    { numRuns: 2000 },
  );
  t.end();
});

test('E1, E2, E11, E12 hold for a save as for a restore', (t) => {
  for (const [path, code] of [
    ['a/b', 'accepted'],
    ['.', 'accepted'],
    ['...', 'accepted'],
    ['a b\nc', 'accepted'],
    ['12345', 'accepted'],
    ['', 'ARCHIVE_PATH_REFUSED'],
    ['a\0', 'ARCHIVE_PATH_REFUSED'],
    ['/a', 'ARCHIVE_PATH_REFUSED'],
    ['\\a', 'ARCHIVE_PATH_REFUSED'],
    ['Z:', 'ARCHIVE_PATH_REFUSED'],
    ['a/', 'ARCHIVE_PATH_REFUSED'],
    ['a//b', 'ARCHIVE_PATH_REFUSED'],
    ['./a', 'ARCHIVE_PATH_REFUSED'],
    ['..', 'ARCHIVE_PATH_ESCAPE'],
    ['a/..', 'ARCHIVE_PATH_ESCAPE'],
    ['../a', 'ARCHIVE_PATH_ESCAPE'],
    ['\ud800', 'ARCHIVE_NAME_NOT_UTF8'],
    ['a/b\udc00c', 'ARCHIVE_NAME_NOT_UTF8'],
    ['é'.repeat(127), 'accepted'],
    ['é'.repeat(128), 'ARCHIVE_NAME_TOO_LONG'],
    ['日'.repeat(85), 'accepted'],
    ['日'.repeat(86), 'ARCHIVE_NAME_TOO_LONG'],
    [`é/${'x'.repeat(256)}`, 'ARCHIVE_NAME_TOO_LONG'],
    ['d/'.repeat(511).concat('f'), 'accepted'],
    ['d/'.repeat(512).concat('f'), 'ARCHIVE_LIMIT'],
    [`${'x'.repeat(255)}/`.repeat(15).concat('x'.repeat(255)), 'accepted'],
    [`${'x'.repeat(255)}/`.repeat(16).concat('x'), 'ARCHIVE_NAME_TOO_LONG'],
  ] as const) {
    t.equal(
      codeOf(() => checkMemberPath(path)),
      code,
      JSON.stringify(path.slice(0, 40)),
    );
  }
  t.end();
});

test('a symbolic link may say anything that a file system holds', (t) => {
  const symlink = (link: string) => codeOf(() => checkLink('symlink', 'l', link));
  for (const link of ['x', '../../..', '/', '/etc/passwd', 'C:\\', 'a//b/', 'l', 'x'.repeat(4095)])
    t.equal(symlink(link), 'accepted');
  t.equal(symlink(''), 'ARCHIVE_MEMBER_REFUSED');
  t.equal(symlink('a\0'), 'ARCHIVE_MEMBER_REFUSED');
  t.equal(symlink('\ud800'), 'ARCHIVE_NAME_NOT_UTF8');
  t.equal(symlink('x'.repeat(4096)), 'ARCHIVE_NAME_TOO_LONG');
  t.end();
});

test('E5, E6 a hard link names another member', (t) => {
  const hardlink = (link: string) => codeOf(() => checkLink('hardlink', 'sub/l', link));
  t.equal(hardlink('sub/f'), 'accepted');
  t.equal(hardlink('../secret'), 'ARCHIVE_PATH_ESCAPE');
  t.equal(hardlink('/etc/passwd'), 'ARCHIVE_PATH_REFUSED');
  t.equal(hardlink('sub/l'), 'ARCHIVE_MEMBER_REFUSED');
  t.equal(hardlink('.'), 'ARCHIVE_MEMBER_REFUSED');
  t.end();
});

test('E8 a folder beside a root whose name begins like it is not inside (CVE-2025-59343)', (t) => {
  t.notOk(isInside('dir-evil', 'dir'));
  t.notOk(isInside('dir-evil/x', 'dir'));
  t.notOk(isInside('di', 'dir'));
  t.notOk(isInside('x/dir/y', 'dir'));
  t.ok(isInside('dir', 'dir'));
  t.ok(isInside('dir/x', 'dir'));
  t.ok(isInside('anything', '.'));
  t.end();
});

test('names come as bytes, and must be UTF-8', (t) => {
  t.equal(decodeName(Buffer.from('é 😀')), 'é 😀');
  t.equal(decodeName(Buffer.from('\ufffd')), '\ufffd', 'a replacement character may be a name');
  t.equal(decodeName(Buffer.from('\ufeffx')), '\ufeffx', 'a byte order mark too');
  for (const bytes of ['ff', '61c3', 'c080', 'eda080', 'efbfbdff']) {
    t.equal(
      codeOf(() => decodeName(Buffer.from(bytes, 'hex'))),
      'ARCHIVE_NAME_NOT_UTF8',
      bytes,
    );
  }
  t.end();
});
