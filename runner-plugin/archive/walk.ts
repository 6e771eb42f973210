/**
 * Walks a root, in several threads where it is large: asking the kernel about a hundred thousand files is nearly all that
 * a save of an unchanged tree does. The folders near the top become units, which main and helpers take one by one.
 */
import { LIMITS } from '#protocol/format/limits.ts';
import { checkMemberPath } from '#protocol/format/member.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { FileAccess } from './file-access.ts';
import { FolderWalker, type WalkOrder } from './walk-folder.ts';
import { COLUMNS, type Listing, ListingBuilder, type Walked } from './walk-listing.ts';

/** Enough units that threads end together, few enough that each is worth taking. */
const UNITS = 64;
/** Members that one thread has walked before another is worth its start. */
const ALONE = 6_000;

/** One thread's share of a root; `next` is shared: the first unit that nobody has taken. */
export interface WalkShare {
  order: WalkOrder;
  units: readonly string[];
  next: Int32Array<SharedArrayBuffer>;
}

/** What came of it: the units that this thread took, and paths and numbers of all their members (see Walked). */
export interface WalkedShare {
  units: (Listing & { unit: number })[];
  paths: Uint8Array<ArrayBuffer>;
  stats: BigInt64Array<ArrayBuffer>;
}

export interface WalkHelpers {
  /** Has every helper walk a share; resolves with what each of them did. */
  walk(share: WalkShare): Promise<WalkedShare[]>;
}

export interface WalkSettings {
  files: FileAccess;
  now: () => number;
  helpers?: WalkHelpers;
}

/**
 * All members of a root. `only`: just these (relative paths) and the folders above them. Throws `ROOT_MISSING`,
 * `INPUT_UNREADABLE`, `ARCHIVE_TREE_CHANGED` and what checkMemberPath throws.
 */
export async function walkRoot(
  order: WalkOrder,
  only: readonly string[] | undefined,
  settings: WalkSettings,
): Promise<Walked> {
  const began = settings.now();
  const top = new ListingBuilder();
  const walker = new FolderWalker(order, settings.files, top);
  const isFolder = walker.addMember('', 'missing');
  if (only !== undefined) {
    addOnly(walker, order, only);
    return joinShares(top, [], began, false);
  }
  const units = isFolder ? addTop(walker) : [];
  return joinShares(top, await walkUnits({ order, units, next: sharedCounter() }, settings), began, true);
}

// Folder by folder, until there are units enough or no folders left.
function addTop(walker: FolderWalker): string[] {
  const units = [''];
  for (let folder = units.shift(); folder !== undefined; folder = units.shift()) {
    units.push(...walker.addEntries(folder));
    if (units.length >= UNITS) break;
  }
  return units;
}

async function walkUnits(share: WalkShare, settings: WalkSettings): Promise<WalkedShare[]> {
  let helped: Promise<WalkedShare[]> | undefined;
  const own = walkShare(share, settings.files, (members) => {
    if (members > ALONE && helped === undefined) helped = settings.helpers?.walk(share);
  });
  return [own, ...((await helped) ?? [])];
}

/** Takes units until none is left. Runs in main and in helpers. */
export function walkShare(
  share: WalkShare,
  files: FileAccess,
  onUnit?: (members: number) => void,
): WalkedShare {
  const found = new ListingBuilder();
  const walker = new FolderWalker(share.order, files, found);
  const done: WalkedShare['units'] = [];
  for (;;) {
    const unit = Atomics.add(share.next, 0, 1);
    const folder = share.units[unit];
    if (folder === undefined) break;
    walker.addBelow(folder);
    done.push({ unit, ...found.takeListing() });
    if (found.rows > LIMITS.membersPerEntry) throw tooMany();
    onUnit?.(found.rows);
  }
  return { units: done, ...found.finish() };
}

function addOnly(walker: FolderWalker, order: WalkOrder, only: readonly string[]): void {
  const excluded = new Set(order.exclude);
  const folders = new Set<string>();
  const files = new Set<string>();
  for (const path of only) {
    checkMemberPath(path);
    const above: string[] = [];
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1))
      above.push(path.slice(0, slash));
    if ([...above, path].some((part) => excluded.has(part))) continue;
    for (const folder of above) folders.add(folder);
    files.add(path);
  }
  for (const folder of folders) {
    files.delete(folder);
    if (!walker.addMember(folder))
      throw fault('ARCHIVE_MEMBER_REFUSED', { path: walker.placeOf(folder), why: 'it is no folder' });
  }
  for (const path of files) walker.addMember(path);
}

// Units in their own order, whoever walked them, so that the same tree is the same bytes.
function joinShares(top: ListingBuilder, shares: WalkedShare[], began: number, listed: boolean): Walked {
  const pieces = [...piecesOf({ units: [{ unit: -1, ...top.takeListing() }], ...top.finish() })];
  for (const share of shares) pieces.push(...piecesOf(share));
  pieces.sort((a, b) => a.unit - b.unit);
  const count = pieces.reduce((sum, piece) => sum + piece.count, 0);
  if (count > LIMITS.membersPerEntry) throw tooMany();
  const stats = new BigInt64Array(new SharedArrayBuffer(count * COLUMNS * BigInt64Array.BYTES_PER_ELEMENT));
  let at = 0;
  for (const piece of pieces) {
    stats.set(piece.stats, at);
    at += piece.stats.length;
  }
  const paths = Buffer.concat(pieces.map((piece) => piece.paths));
  const links = pieces.map((piece) => piece.links).join('');
  return { count, paths, links, stats, began, listed };
}

function* piecesOf({
  units,
  paths,
  stats,
}: WalkedShare): Iterable<Listing & { unit: number; paths: Uint8Array; stats: BigInt64Array }> {
  let row = 0;
  let byte = 0;
  for (const unit of units) {
    const [nextRow, nextByte] = [row + unit.count, byte + unit.pathBytes];
    yield {
      ...unit,
      paths: paths.subarray(byte, nextByte),
      stats: stats.subarray(row * COLUMNS, nextRow * COLUMNS),
    };
    row = nextRow;
    byte = nextByte;
  }
}

function sharedCounter(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}

function tooMany(): Error {
  return fault('ARCHIVE_LIMIT', { limit: LIMITS.membersPerEntry, what: 'members' });
}
