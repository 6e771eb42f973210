/**
 * One root on its way into segments: walked, put in order, cut, and each segment's identity looked for in what the last
 * save remembered.
 */
import { planSegments, type SegmentPlan } from '#protocol/format/cut.ts';
import { type CutConstants, FORMAT_VERSION } from '#protocol/format/limits.ts';
import type { Digest, ManifestRoot, ModeRule, RestoreRule, SegmentRef } from '#protocol/format/manifest.ts';
import { formatRoot, memberName, type Root } from '#protocol/format/root.ts';
import { paddedSize } from '#protocol/format/tar-header.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { DigestTable, TableKey, TableRecord } from './digest-table.ts';
import { TreeDigests } from './digest-table-rows.ts';
import type { FileAccess } from './file-access.ts';
import type { Item } from './pack-schedule.ts';
import type { RootColumns, SegmentTask } from './pack-segment.ts';
import { Tree } from './pack-tree.ts';
import { COLUMN, COLUMNS, DIRECTORY, FILE_TYPE, type Walked } from './walk-listing.ts';

export interface PackRoot {
  root: Root;
  /** Where it is; absolute. A symbolic link is kept as a link. */
  place: string;
  restore: RestoreRule;
  modes: ModeRule;
  /** Paths below the root that are left out, '/'-separated and relative to it; a folder stands for all below. */
  exclude?: readonly string[];
  /** Only these, relative to the root, and the folders above them. */
  files?: readonly string[];
}

/** The digest table's part in this. */
interface Known {
  table: DigestTable;
  digests: TreeDigests;
  record: TableRecord | undefined;
}

interface Cut {
  tree: Tree;
  small: boolean;
  items: Item[];
  /** For each item, the digest under which the table knows it; undefined for members that are too young. */
  seen: (Digest | undefined)[];
}

export class PackingRoot {
  readonly source: PackRoot;
  readonly walked: Walked;
  readonly #keepTimes: boolean;
  readonly #constants: CutConstants;
  readonly #known: Known | undefined;
  #tree: Tree | undefined;
  #cut: Cut | undefined;

  constructor(
    source: PackRoot,
    walked: Walked,
    constants: CutConstants,
    keepTimes: boolean,
    table: DigestTable | undefined,
    restSince?: number,
  ) {
    this.source = source;
    this.walked = walked;
    this.#constants = constants;
    this.#keepTimes = keepTimes;
    if (table === undefined) return;
    const digests = new TreeDigests(walked, keepTimes, restSince);
    this.#known = { table, digests, record: table.recall(this.#key()) };
  }

  /** What the last save made of this tree, if it is still the same. */
  recallWhole(): TableRecord | undefined {
    const { record, digests } = this.#known ?? {};
    return record?.seen !== undefined && record.seen === digests?.ofTree() ? record : undefined;
  }

  /** The members in order. */
  get tree(): Tree {
    this.#tree ??= new Tree(this.walked, this.source.root);
    return this.#tree;
  }

  /** Cuts the tree and finds what is known of its segments. `index`: which root of the entry this is. */
  cut(index: number, small: boolean): Item[] {
    const { tree } = this;
    const plan = planSegments(tree.members(), this.#constants, small);
    const rows = this.#known?.record?.rows ?? [];
    const known = new Map(rows.flatMap(({ seen, segment }) => (seen === undefined ? [] : [[seen, segment]])));
    const items: Item[] = [];
    const seen: (Digest | undefined)[] = [];
    let header: Item | undefined;
    for (const part of plan) {
      const task = taskOf(tree, index, part);
      const digest = this.#digestOf(tree, task);
      const segment = digest === undefined ? undefined : known.get(digest);
      const item: Item = segment?.raw === task.raw ? { task, identity: segment.identity } : { task };
      if (task.what.type === 'header') {
        header = item;
        item.parts = [];
      } else if (task.what.type === 'part') header?.parts?.push(item);
      items.push(item);
      seen.push(digest);
    }
    this.#cut = { tree, small, items, seen };
    return items;
  }

  columns(): RootColumns {
    const { root, place, modes } = this.source;
    const { rows, types } = this.tree;
    return { root, place, modes, stats: this.walked.stats, rows, types };
  }

  /** Throws `ARCHIVE_TREE_CHANGED` if something was added to a folder or taken from it since the walk. */
  checkFolders(files: FileAccess): void {
    if (!this.walked.listed) return;
    const { stats } = this.walked;
    // They come first.
    for (let index = 0; index < this.tree.count && this.tree.typeOf(index) === 'directory'; index++) {
      const at = (this.tree.rows[index] as number) * COLUMNS;
      const path = this.tree.pathOf(index);
      const place = path === '' ? this.source.place : `${this.source.place}/${path}`;
      if (!isSameFolder(stats, at, place, files)) throw fault('ARCHIVE_TREE_CHANGED', { path: place });
    }
  }

  times(): Buffer {
    return this.tree.times();
  }

  /** Once every item has its identity. */
  manifestRoot(): ManifestRoot {
    const { restore, modes, root } = this.source;
    const { count, raw } = this.tree;
    const segments = this.#segments();
    return { root: formatRoot(root), restore, modes, members: count, raw, segments };
  }

  /** The same, where the whole tree is as it was. */
  recalledRoot(record: TableRecord): ManifestRoot {
    const { restore, modes, root } = this.source;
    const { members, raw } = record;
    return {
      root: formatRoot(root),
      restore,
      modes,
      members,
      raw,
      segments: record.rows.map((row) => row.segment),
    };
  }

  /** Keeps what is known now for the next save. */
  remember(): void {
    const cut = this.#cut;
    if (cut === undefined || this.#known === undefined) return;
    const { table, digests } = this.#known;
    const { count, files, raw } = cut.tree;
    const rows = this.#segments().map((segment, index) => {
      const seen = cut.seen[index];
      return seen === undefined ? { segment } : { seen, segment };
    });
    const record: TableRecord = { small: cut.small, members: count, files, raw, rows };
    if (digests.isTreeAtRest()) record.seen = digests.ofTree();
    if (this.#keepTimes) record.times = this.times().toString('base64');
    table.remember(this.#key(), record);
  }

  #segments(): SegmentRef[] {
    return (this.#cut?.items ?? []).map(({ task, identity = '' }) => {
      const { what, raw } = task;
      if (what.type !== 'part') return { identity, raw };
      const size = this.tree.sizeOf(what.index);
      return {
        identity,
        raw,
        part: { path: memberName(this.source.root, what.path), offset: what.offset, size },
      };
    });
  }

  #key(): TableKey {
    const { root, place, modes } = this.source;
    const rules = JSON.stringify([FORMAT_VERSION, modes, this.#keepTimes, this.#constants]);
    return { place, root: formatRoot(root), rules };
  }

  #digestOf(tree: Tree, { what }: SegmentTask): Digest | undefined {
    const { digests } = this.#known ?? {};
    const [from, to] = what.type === 'run' ? [what.from, what.to] : [what.index, what.index + 1];
    if (digests?.areAtRest(tree, from, to) !== true) return undefined;
    if (what.type === 'run') return digests.ofMembers(tree, from, to, what.paths, what.links, what.type);
    const rest = what.type === 'header' ? what.type : `${what.type} ${what.offset}`;
    return digests.ofMembers(tree, from, to, Buffer.from(what.path), '', rest);
  }
}

function taskOf(tree: Tree, root: number, plan: SegmentPlan): SegmentTask {
  if ('from' in plan) {
    const { from, to } = plan;
    let raw = 0;
    for (let index = from; index < to; index++) raw += tree.bytesOf(index);
    const what = {
      type: 'run',
      from,
      to,
      paths: tree.pathsOf(from, to),
      links: linksOf(tree, from, to),
    } as const;
    return { id: 0, root, raw, what };
  }
  const index = 'header' in plan ? plan.header : plan.part.index;
  const [path, size] = [tree.pathOf(index), tree.sizeOf(index)];
  if ('header' in plan) {
    const raw = tree.bytesOf(index) - paddedSize(size);
    return { id: 0, root, raw, what: { type: 'header', index, path, crc: 0 } };
  }
  const { offset, length } = plan.part;
  const isLast = offset + length === size;
  const raw = isLast ? paddedSize(size) - offset : length;
  return { id: 0, root, raw, what: { type: 'part', index, path, offset, length } };
}

function linksOf(tree: Tree, from: number, to: number): string {
  let links = '';
  for (let index = from; index < to; index++) {
    const link = tree.links.get(index);
    if (link !== undefined) links += `${link}\0`;
  }
  return links;
}

function isSameFolder(stats: BigInt64Array, at: number, place: string, files: FileAccess): boolean {
  try {
    const stat = files.stat(place);
    return (
      (Number(stat.mode) & FILE_TYPE) === DIRECTORY &&
      stat.ino === stats[at + COLUMN.inode] &&
      stat.mtimeNs === stats[at + COLUMN.modified] &&
      stat.ctimeNs === stats[at + COLUMN.changed]
    );
  } catch {
    return false;
  }
}
