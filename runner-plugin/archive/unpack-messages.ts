/**
 * What the creating thread and the decoding ones say to each other during a restore. For each segment:
 *
 *     creating thread                       decoding thread
 *     segment ──────────────────────────▶   check, decode, read headers
 *             ◀──────────────────────────   members
 *     create folders, open files
 *     files (descriptors), once or more ▶   write contents, set modes and times, close
 *             ◀──────────────────────────   written, once for each
 *
 * Lists cross as one text and one block of numbers: a hundred thousand small objects would be most of the work.
 */
import type { Digest } from '#protocol/format/manifest.ts';
import type { MemberType } from '#protocol/format/member.ts';
import type { FollowingPart } from '#protocol/format/tar-reader.ts';
import type { ErrorCode, ErrorParams } from '#protocol/wire/errors.ts';

export interface SegmentTask {
  type: 'segment';
  segment: number;
  /** Given to its files. */
  owner?: { uid: number; gid: number };
  /** The block of shared memory that holds the stored bytes; `memory` comes when its number is first heard. */
  block: number;
  memory?: SharedArrayBuffer;
  at: number;
  length: number;
  identity: Digest;
  raw: number;
  digest: Digest;
  /** Whether the identity is checked too. */
  full: boolean;
  /** The root's path: all members lie in it, and are named relative to it from here on. */
  root: string;
  following?: FollowingPart;
  part?: { offset: number; size: number };
  /** The bits of a mode that the umask has taken at creation and that must be set again. */
  withheld: number;
}

/** Descriptors for the segment's next files in their order; -1 for one that is not written. For a part: its file's. */
export interface FilesTask {
  type: 'files';
  segment: number;
  files: Int32Array;
  /** Modification times in seconds, where they are not those of the headers. */
  times?: Float64Array;
  /** Nothing more comes for this segment: its memory is free. */
  last: boolean;
}

export type ToDecoder = SegmentTask | FilesTask;

export interface Place {
  type: MemberType;
  /** Relative to the root; '' is the root itself. */
  path: string;
}

export interface LinkMember extends Place {
  type: 'symlink' | 'hardlink';
  mtime: number;
  /** Symbolic: its text. Hard: the path of the other name, relative to the root. */
  link: string;
}

/** A segment's members, in the order of the stream. Columns have one value for each. */
export interface MembersReport {
  type: 'members';
  segment: number;
  count: number;
  /** Undefined where the segment is a part. */
  first?: Place;
  last?: Place;
  directories: Column;
  files: Column;
  links: LinkMember[];
}

export interface Column {
  count: number;
  /** With a NUL between two. */
  paths: string;
  modes: Uint16Array;
  /** Seconds since 1970. */
  times: Float64Array;
}

export interface WrittenReport {
  type: 'written';
  segment: number;
  /** Descriptors. */
  closed: number;
  /** Of content. */
  bytes: number;
}

/** Whether decoding or writing failed; of the latter all descriptors are closed. */
export interface FailedReport {
  type: 'failed';
  segment: number;
  fault?: { code: ErrorCode; params: ErrorParams };
  /** Of the operating system's, at a file's path. */
  system?: { code: string; syscall: string; path: string };
  message: string;
}

export type FromDecoder = MembersReport | WrittenReport | FailedReport;
