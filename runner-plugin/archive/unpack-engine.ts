/**
 * The decoding half of a restore: from a segment's stored bytes to members, and from open descriptors to written files.
 * It opens nothing itself (creating does not scale over threads, so one thread does it) and works in memory that it uses
 * again, so that neither V8 nor the kernel has pages to clear. It runs in a thread (unpack-worker.ts) or, for entries that
 * are smaller than a thread is worth, in the creating one.
 */
import fs from 'node:fs';
import { sha256 } from '#protocol/format/digest.ts';
import { checkFrame, parseStored } from '#protocol/format/frame.ts';
import { FrameDecoder } from '#protocol/format/frame-decoder.ts';
import { type Piece, SegmentMemory } from '#protocol/format/segment-memory.ts';
import type { MemberAt } from '#protocol/format/tar-reader.ts';
import { fault, isFault } from '#protocol/wire/errors.ts';
import { setAttributes } from './file-attributes.ts';
import { systemCode } from './file-fault.ts';
import { listMembers, listPart } from './member-list.ts';
import type { FailedReport, FilesTask, FromDecoder, SegmentTask, ToDecoder } from './unpack-messages.ts';

/**
 * Bytes of one write(2). For a large one the kernel takes pages of 2 MiB, which a virtual machine often has to get from its host
 * first: writing 1 GiB took twice as long so.
 */
const WRITE_BYTES = 64 * 1024;

export interface EngineOptions {
  /** Access time of what is written, in seconds: later than any modification time, or each first read would set it. */
  accessed: number;
  /** Bytes of memory that decoded segments share. One that finds no room gets memory of its own. */
  memory: number;
  /** One number in shared memory: not 0 once the restore has failed; files are then closed and not written. */
  stopped: Int32Array<SharedArrayBuffer>;
}

/** A decoded segment whose files are being opened. */
interface Held {
  task: SegmentTask;
  /** Where the content lies, unless it has memory of its own. */
  piece: Piece | undefined;
  content: Buffer;
  files: MemberAt[];
  /** The first of `files` that has not been written. */
  next: number;
}

export class UnpackEngine {
  readonly #options: EngineOptions;
  readonly #post: (report: FromDecoder) => void;
  readonly #decoder = new FrameDecoder();
  readonly #memory: SegmentMemory;
  readonly #blocks = new Map<number, SharedArrayBuffer>();
  readonly #held = new Map<number, Held>();

  constructor(options: EngineOptions, post: (report: FromDecoder) => void) {
    this.#options = options;
    this.#memory = new SegmentMemory(options.memory);
    this.#post = post;
  }

  receive(task: ToDecoder): void {
    try {
      if (task.type === 'segment') this.#decode(task);
      else this.#write(task);
    } catch (error) {
      this.#post({ ...describe(error), segment: task.segment });
    }
  }

  close(): void {
    this.#decoder.close();
  }

  #decode(task: SegmentTask): void {
    if (this.#options.stopped[0] !== 0) return;
    if (task.memory !== undefined) this.#blocks.set(task.block, task.memory);
    const memory = this.#blocks.get(task.block) as SharedArrayBuffer;
    const { identity, raw } = task;
    const stored = Buffer.from(memory, task.at, task.length);
    const parsed = parseStored(stored);
    if (parsed.identity !== identity || parsed.raw !== raw)
      throw damaged(task, 'its trailer is that of another one');
    checkFrame(parsed.frame, task.digest, identity);
    const piece = this.#memory.take(Math.ceil(raw / 8) * 8);
    const content = this.#decoder.decode(parsed.frame, raw, piece?.bytes, identity);
    if (task.full && sha256(content) !== identity) throw damaged(task, 'its content has another sha256');
    const { report, files } =
      task.part === undefined ? listMembers(content, task) : listPart(content, task, task.part.size);
    this.#held.set(task.segment, { task, piece, content, files, next: 0 });
    this.#post(report);
  }

  #write(task: FilesTask): void {
    const held = this.#held.get(task.segment) as Held;
    const isPart = held.task.part !== undefined;
    let bytes = 0;
    let at = 0;
    try {
      if (this.#options.stopped[0] === 0) {
        for (; at < task.files.length; at++) bytes += this.#writeOne(held, task, at);
      }
    } catch (error) {
      // The failed one's has been closed with it.
      at++;
      throw error;
    } finally {
      // A part's file stays open for the other parts.
      if (!isPart) closeAll(task.files.subarray(at));
      if (task.last) {
        this.#held.delete(task.segment);
        if (held.piece !== undefined) this.#memory.release(held.piece);
      }
    }
    this.#post({ type: 'written', segment: task.segment, closed: isPart ? 0 : task.files.length, bytes });
  }

  #writeOne(held: Held, task: FilesTask, at: number): number {
    const file = task.files[at] as number;
    const { part, withheld, owner } = held.task;
    if (part !== undefined) {
      if (file < 0) return 0;
      writeAll(file, held.content, 0, part.size, part.offset);
      return part.size;
    }
    const { member, contentStart } = held.files[held.next++] as MemberAt;
    if (file < 0) return 0;
    try {
      if (member.size > 0) writeAll(file, held.content, contentStart, member.size, null);
      const { accessed } = this.#options;
      setAttributes(file, {
        owner,
        accessed,
        withheld,
        mode: member.mode,
        modified: task.times?.[at] ?? member.mtime,
      });
    } catch (error) {
      throw Object.assign(error as Error, { path: member.path });
    } finally {
      fs.closeSync(file);
    }
    return member.size;
  }
}

function writeAll(file: number, bytes: Buffer, start: number, length: number, position: number | null): void {
  for (let done = 0; done < length; ) {
    done += fs.writeSync(
      file,
      bytes,
      start + done,
      Math.min(length - done, WRITE_BYTES),
      position === null ? null : position + done,
    );
  }
}

function closeAll(files: Int32Array): void {
  for (const file of files) {
    if (file >= 0) fs.closeSync(file);
  }
}

function damaged({ identity }: SegmentTask, why: string): Error {
  return fault('SEGMENT_DAMAGED', { identity, why });
}

function describe(error: unknown): Pick<FailedReport, 'type' | 'fault' | 'system' | 'message'> {
  const { message, syscall = '', path = '' } = error as Error & { syscall?: string; path?: string };
  const failed = { type: 'failed', message } as const;
  if (isFault(error)) return { ...failed, fault: { code: error.code, params: error.params } };
  const code = systemCode(error);
  return code === '' ? failed : { ...failed, system: { code, syscall, path } };
}
