/**
 * A decoded segment's members as they cross to the creating thread, and the rules that can be checked without the tree:
 * each lies in its root, comes after the one before it in the order of the stream, and so comes once. The order is what
 * makes a restore safe: when a link is made, every folder and file stands (hardening.md E3, E4, E7).
 */
import { compareMembers, isInside, type Member } from '#protocol/format/member.ts';
import { type MemberAt, readMembers } from '#protocol/format/tar-reader.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { Column, LinkMember, MembersReport, Place, SegmentTask } from './unpack-messages.ts';

export interface MemberList {
  report: MembersReport;
  /** The files with where their contents begin. */
  files: MemberAt[];
}

/** Throws `ARCHIVE_*`. */
export function listMembers(content: Buffer, task: SegmentTask): MemberList {
  const { segment, root, following } = task;
  const directories: Member[] = [];
  const files: MemberAt[] = [];
  const links: LinkMember[] = [];
  let first: Place | undefined;
  let last: Place | undefined;
  let count = 0;
  for (const found of readMembers(content, following)) {
    const { member } = found;
    // Ours: from here on it is named as it lies in its root.
    member.path = pathInRoot(member.path, root);
    refuseDisorder(last, member);
    last = member;
    first ??= member;
    count++;
    if (member.type === 'file') files.push(found);
    else if (member.type === 'directory') directories.push(member);
    else links.push(linkOf(member, member.type, root));
  }
  return {
    files,
    report: {
      type: 'members',
      segment,
      count,
      ...(first !== undefined && { first: placeOf(first) }),
      ...(last !== undefined && { last: placeOf(last) }),
      directories: columnOf(directories),
      files: columnOf(files.map(({ member }) => member)),
      links,
    },
  };
}

/** What a part of a large file says: it has no members. Its padding is zeros, as the stream's is. */
export function listPart(content: Buffer, task: SegmentTask, size: number): MemberList {
  if (content.subarray(size).some((byte) => byte !== 0))
    throw fault('ARCHIVE_MALFORMED', { why: 'something follows a large file in its last part' });
  const nothing = columnOf([]);
  return {
    files: [],
    report: {
      type: 'members',
      segment: task.segment,
      count: 0,
      directories: nothing,
      files: nothing,
      links: [],
    },
  };
}

/** Also between two segments: `before` is the last member of the one before. */
export function refuseDisorder(before: Place | undefined, next: Place): void {
  if (before === undefined) return;
  const order = compareMembers(before, next);
  if (order === 0) throw fault('ARCHIVE_DUPLICATE', { path: next.path });
  if (order > 0)
    throw fault('ARCHIVE_MALFORMED', { why: `${next.path} does not stand where its type and name belong` });
}

function pathInRoot(path: string, root: string): string {
  if (path === root) return '';
  if (!isInside(path, root)) throw fault('ARCHIVE_PATH_ESCAPE', { path });
  return root === '.' ? path : path.slice(root.length + 1);
}

function linkOf({ path, mtime, link = '' }: Member, type: LinkMember['type'], root: string): LinkMember {
  return { type, path, mtime, link: type === 'hardlink' ? pathInRoot(link, root) : link };
}

function placeOf({ type, path }: Place): Place {
  return { type, path };
}

function columnOf(members: Member[]): Column {
  // Filled one by one: TypedArray.from goes through lists and texts of numbers.
  const modes = new Uint16Array(members.length);
  const times = new Float64Array(members.length);
  for (const [index, { mode, mtime }] of members.entries()) {
    modes[index] = mode;
    times[index] = mtime;
  }
  return { count: members.length, paths: members.map(({ path }) => path).join('\0'), modes, times };
}
