/**
 * The digests of the table: over what the file system says of a tree, and of each segment's members.
 *
 * git's racy rule: a file that was written to within one tick of its clock after it was read has the same numbers and
 * other content. So a digest is given only to members that had been at rest when the walk began, for longer than the
 * coarsest clock's tick (two seconds).
 */
import { createHash, type Hash } from 'node:crypto';
import type { Digest } from '#protocol/format/manifest.ts';
import type { Tree } from './pack-tree.ts';
import { COLUMN, COLUMNS, DIRECTORY, FILE_TYPE, type Walked } from './walk-listing.ts';

export const AT_REST_MS = 2_000;

/** Numbers of 32 bits in a row of the walk's. */
const WORDS = COLUMNS * 2;

export class TreeDigests {
  readonly #walked: Walked;
  /** As the walk's, but of folders only what is part of the stream: files come and go in them. */
  readonly #numbers: Uint32Array;
  readonly #restSince: bigint;

  #ofTree: Digest | undefined;

  /** `keepTimes`: folders' modification times count too. `restSince`: the last change to a member, in ms since 1970. */
  constructor(walked: Walked, keepTimes: boolean, restSince = walked.began - AT_REST_MS) {
    this.#walked = walked;
    this.#restSince = BigInt(Math.floor(restSince)) * 1_000_000n;
    const numbers = new BigInt64Array(walked.stats);
    for (let at = 0; at < numbers.length; at += COLUMNS) {
      if ((Number(numbers[at + COLUMN.mode]) & FILE_TYPE) !== DIRECTORY) continue;
      for (const column of [COLUMN.links, COLUMN.size, COLUMN.changed, COLUMN.inode, COLUMN.device])
        numbers[at + column] = 0n;
      if (!keepTimes) numbers[at + COLUMN.modified] = 0n;
    }
    this.#numbers = new Uint32Array(numbers.buffer);
  }

  /** Of the whole tree, as it was walked. */
  ofTree(): Digest {
    this.#ofTree ??= this.#hashTree();
    return this.#ofTree;
  }

  #hashTree(): Digest {
    const { count, paths, links } = this.#walked;
    const hash = createHash('sha256');
    hash.update(`${count} ${paths.length}\n`).update(paths);
    updateText(hash, links);
    return hash.update(this.#numbers).digest('hex');
  }

  isTreeAtRest(): boolean {
    return this.#areAtRest(this.#walked.count, (index) => index);
  }

  /** Of members `from` to `to` (exclusive); `paths` and `links` are theirs, `rest` tells apart what has the same members. */
  ofMembers(tree: Tree, from: number, to: number, paths: Uint8Array, links: string, rest: string): Digest {
    const numbers = new Uint32Array((to - from) * WORDS);
    let at = 0;
    for (let index = from; index < to; index++) {
      const row = (tree.rows[index] as number) * WORDS;
      for (let word = 0; word < WORDS; word++) numbers[at++] = this.#numbers[row + word] as number;
    }
    const hash = createHash('sha256');
    updateText(hash, rest);
    updateText(hash, links);
    hash.update(`${paths.length}\n`).update(paths);
    return hash.update(numbers).digest('hex');
  }

  areAtRest(tree: Tree, from: number, to: number): boolean {
    return this.#areAtRest(to - from, (index) => tree.rows[from + index] as number);
  }

  #areAtRest(count: number, rowOf: (index: number) => number): boolean {
    const { stats } = this.#walked;
    for (let index = 0; index < count; index++) {
      if ((stats[rowOf(index) * COLUMNS + COLUMN.changed] as bigint) > this.#restSince) return false;
    }
    return true;
  }
}

function updateText(hash: Hash, text: string): void {
  hash.update(`${text.length}\n`).update(text);
}
