/**
 * Files that are larger than a segment. Their parts are written by whichever decoder has them, in any order, so they are
 * finished here, when the last one has come.
 */
import fs from 'node:fs';
import { type FileAttributes, setAttributes } from './file-attributes.ts';

interface LargeFile {
  file: number;
  attributes: FileAttributes;
  /** Parts that are not written. */
  left: number;
}

export class LargeFiles {
  /** By the segment of each part that is not written. */
  readonly #files = new Map<number, LargeFile>();

  /** `file` is -1 where it is not to be written. Its parts are the segments `from` to `to` (exclusive). */
  add(file: number, attributes: FileAttributes, from: number, to: number): void {
    const large = { file, attributes, left: to - from };
    for (let segment = from; segment < to; segment++) this.#files.set(segment, large);
  }

  /** The descriptor that a part is written to. */
  fileOf(segment: number): number | undefined {
    return this.#files.get(segment)?.file;
  }

  /** A segment has been written; it may be a part. */
  noteWritten(segment: number): void {
    const large = this.#files.get(segment);
    this.#files.delete(segment);
    if (large === undefined || --large.left > 0 || large.file < 0) return;
    try {
      setAttributes(large.file, large.attributes);
    } finally {
      fs.closeSync(large.file);
    }
  }

  /** After a failure: closes what is not finished. */
  close(): void {
    for (const file of new Set([...this.#files.values()].map((large) => large.file))) {
      if (file >= 0) fs.closeSync(file);
    }
    this.#files.clear();
  }
}
