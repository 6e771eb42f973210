/**
 * The promise of formats.md, section 2: the segments of an entry one after another and the end-of-archive frame are a plain
 * .tar.zst, which `zstd -d | tar -x` restores without us. GNU tar wants --delay-directory-restore for what directories say of
 * themselves: otherwise it sets their modes and times when it leaves them, before their files come, and somebody who is not
 * root cannot fill a read-only one.
 */
import { execFileSync, execSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { planSegments } from '#protocol/format/cut.ts';
import { archiveEnd, encodeStored } from '#protocol/format/frame.ts';
import { CUTS, type CutConstants } from '#protocol/format/limits.ts';
import { compareMembers, type Member } from '#protocol/format/member.ts';
import { encodeHeader, headerBytes, paddedSize } from '#protocol/format/tar-header.ts';
import { need } from '../../needs.ts';

interface Content {
  member: Member;
  content: Buffer;
}

const TIME = 1_000_000_000;

function directory(path: string, mode = 0o755): Content {
  return { member: { type: 'directory', path, mode, size: 0, mtime: TIME }, content: Buffer.alloc(0) };
}
function file(path: string, content: Buffer, mode = 0o644): Content {
  return { member: { type: 'file', path, mode, size: content.length, mtime: TIME }, content };
}
function link(type: 'symlink' | 'hardlink', path: string, target: string): Content {
  return {
    member: { type, path, mode: 0o777, size: 0, mtime: TIME, link: target },
    content: Buffer.alloc(0),
  };
}

/** The stored segments of a tree and the end of the archive. */
function archiveOf(tree: Content[], constants: CutConstants): { stored: Buffer[]; bytes: Buffer } {
  const ordered = tree.toSorted((a, b) => compareMembers(a.member, b.member));
  const streamOf = ({ member, content }: Content) =>
    Buffer.concat([encodeHeader(member), content, Buffer.alloc(paddedSize(content.length) - content.length)]);
  const members = ordered.map(({ member }) => ({
    ...member,
    bytes: headerBytes(member) + paddedSize(member.size),
  }));
  const stored = planSegments(members, constants, false).map((plan) => {
    if ('from' in plan)
      return encodeStored(Buffer.concat(ordered.slice(plan.from, plan.to).map(streamOf))).stored;
    if ('header' in plan) return encodeStored(encodeHeader((ordered[plan.header] as Content).member)).stored;
    const { index, offset, length } = plan.part;
    const part = Buffer.alloc(paddedSize(length));
    (ordered[index] as Content).content.copy(part, 0, offset, offset + length);
    return encodeStored(part).stored;
  });
  return { stored, bytes: Buffer.concat([...stored, archiveEnd()]) };
}

/** What stands in a folder, path by path. */
function readTree(
  folder: string,
): Map<string, { type: string; mode: number; mtime: number; inode: number; content: string | Buffer }> {
  const found = new Map();
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const place = join(folder, path);
    const stat = lstatSync(place);
    const type = stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'symlink' : 'file';
    const content = type === 'file' ? readFileSync(place) : type === 'symlink' ? readlinkSync(place) : '';
    found.set(path, { type, mode: stat.mode & 0o777, mtime: stat.mtimeMs / 1000, inode: stat.ino, content });
  }
  return found;
}

/** What `zstd -d | tar -x` makes of an archive. */
function extracted(t: Test, archive: Buffer): ReturnType<typeof readTree> {
  const folder = t.testdir({});
  const target = join(folder, 'target');
  mkdirSync(target);
  writeFileSync(join(folder, 'entry.tar.zst'), archive);
  const line = 'set -o pipefail; zstd -dc ../entry.tar.zst | tar -xp --delay-directory-restore';
  execSync(line, { cwd: target, shell: '/bin/bash', stdio: 'pipe' });
  const tree = readTree(target);
  // Otherwise whoever is not root could not clean up.
  execFileSync('chmod', ['-R', 'u+w', target]);
  return tree;
}

const big = randomBytes(50_000_000);
const TREE: Content[] = [
  directory('root'),
  directory('root/empty'),
  directory('root/private', 0o700),
  directory('root/deep'),
  directory('root/read-only', 0o555),
  directory(`root/${'d'.repeat(255)}`),
  file('root/a', Buffer.from('a')),
  file('root/read-only/file', Buffer.from('r'), 0o444),
  file('root/zero', Buffer.alloc(0)),
  file('root/run', Buffer.from('#!/bin/sh\n'), 0o755),
  file('root/line\nbreak', Buffer.from('x')),
  file('root/é composed', Buffer.from('1')),
  file('root/e\u0301 decomposed', Buffer.from('2')),
  file('root/日本語 😀', Buffer.from('3')),
  file(`root/${'n'.repeat(255)}`, Buffer.from('4')),
  file(`root/${'d'.repeat(255)}/${'é'.repeat(127)}`, Buffer.from('5')),
  file('root/deep/exactly a block', Buffer.alloc(512, 'b')),
  file('root/deep/large', Buffer.alloc(3_000_000, 'l')),
  file('root/deep/one part', Buffer.alloc(8 << 20, 'p')),
  file('root/deep/big', big),
  ...Array.from({ length: 300 }, (_, n) => file(`root/deep/f${n}`, randomBytes(n * 37))),
  link('symlink', 'root/dangling', '/nowhere'),
  link('symlink', 'root/to a', 'a'),
  link('symlink', 'root/long', 'x/'.repeat(150)),
  link('hardlink', 'root/same as a', 'root/a'),
  link('hardlink', 'root/same as long', `root/${'d'.repeat(255)}/${'é'.repeat(127)}`),
];

test('zstd -d | tar -x restores every segment, large files in parts included', (t) => {
  if (!need(t, 'zstd', 'tar', 'bash')) return;
  const { stored, bytes } = archiveOf(TREE, CUTS.maven);
  t.ok(stored.length > 12, `${stored.length} segments`);
  const restored = extracted(t, bytes);
  t.same([...restored.keys()].sort(), TREE.map(({ member }) => member.path).sort());
  for (const { member, content } of TREE) {
    const there = restored.get(member.path);
    if (member.type === 'hardlink') {
      t.equal(there?.inode, restored.get(member.link ?? '')?.inode, `${member.path} is a hard link`);
    } else {
      const same =
        member.type === 'symlink'
          ? there?.content === member.link
          : content.equals(Buffer.from(there?.content ?? '?'));
      const meta = there?.type === member.type && (there?.mode === member.mode || member.type === 'symlink');
      if (!same || !meta || there?.mtime !== TIME) t.fail(`${member.path} is not as it was`);
    }
  }
  t.end();
});

test('zstd checks every frame and passes over every trailer', (t) => {
  if (!need(t, 'zstd')) return;
  const { stored } = archiveOf(TREE.slice(0, 12), CUTS.default);
  const folder = t.testdir({});
  for (const [index, object] of stored.entries()) writeFileSync(join(folder, `${index}.zst`), object);
  execFileSync('zstd', ['-tq', ...stored.map((_, index) => `${index}.zst`)], { cwd: folder });
  const damaged = Buffer.from(stored[0] as Buffer);
  damaged[20] = (damaged[20] as number) ^ 1;
  writeFileSync(join(folder, 'damaged.zst'), damaged);
  t.throws(() => execFileSync('zstd', ['-tq', 'damaged.zst'], { cwd: folder, stdio: 'pipe' }));
  t.end();
});

test('cut inside a segment the pipe fails', (t) => {
  if (!need(t, 'zstd', 'tar', 'bash')) return;
  const { stored, bytes } = archiveOf(TREE.slice(0, 12), CUTS.default);
  t.doesNotThrow(() => extracted(t, bytes));
  t.throws(() => extracted(t, bytes.subarray(0, 40)));
  t.throws(() => extracted(t, bytes.subarray(0, (stored[0] as Buffer).length - 10)), 'in a trailer');
  t.end();
});
