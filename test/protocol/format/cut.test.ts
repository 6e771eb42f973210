import { test } from 'tap';
import { type CutMember, planSegments, type SegmentPlan } from '#protocol/format/cut.ts';
import { sha256 } from '#protocol/format/digest.ts';
import { CUTS, type CutConstants, LIMITS, PART_BYTES } from '#protocol/format/limits.ts';
import { compareMembers } from '#protocol/format/member.ts';
import { BLOCK, paddedSize } from '#protocol/format/tar-header.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

const file = (path: string, size: number): CutMember => ({
  type: 'file',
  path,
  size,
  bytes: BLOCK + paddedSize(size),
});
const directory = (path: string): CutMember => ({ type: 'directory', path, size: 0, bytes: BLOCK });

/** Repeatable numbers in [0, 1): mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Sizes as they are in the wild: many small ones, few large ones (log-normal). */
const sizes = (next: () => number, median: number, spread: number) => {
  const normal = Math.sqrt(-2 * Math.log(next() || 1e-9)) * Math.cos(2 * Math.PI * next());
  return Math.round(median * Math.exp(spread * normal));
};

interface Package {
  name: string;
  files: { path: string; size: number }[];
}

/** Packages of 1 to 300 files, half of them under 1.5 KiB: about what a front end's node_modules holds. */
function nodeModules(count: number, seed: number): Package[] {
  const next = random(seed);
  return Array.from({ length: count }, (_, n) => ({
    name: `p${Math.floor(next() * 1e9).toString(36)}-${n}`,
    files: Array.from({ length: Math.min(300, 1 + sizes(next, 12, 1.4)) }, (_, f) => ({
      path: `${f % 3 === 0 ? 'dist/' : f % 3 === 1 ? 'lib/' : ''}f${f}.js`,
      size: Math.min(6 * MiB, sizes(next, 1.5 * KiB, 1.7)),
    })),
  }));
}

/** A file's content is told apart by its package's version. */
type Tree = { member: CutMember; content: string }[];

function treeOf(packages: readonly Package[], bumped: ReadonlySet<number> = new Set()): Tree {
  const tree: Tree = [];
  const folders = new Set<string>();
  for (const [index, { name, files }] of packages.entries()) {
    for (const { path, size } of files) {
      const whole = `${name}/${path}`;
      // A new version: other content of about the same size.
      const grown = bumped.has(index) ? Math.round(size * 1.02) + 3 : size;
      tree.push({ member: file(whole, grown), content: `${whole}@${bumped.has(index) ? 2 : 1}` });
      for (let at = whole.lastIndexOf('/'); at > 0; at = whole.lastIndexOf('/', at - 1))
        folders.add(whole.slice(0, at));
    }
  }
  for (const folder of folders) tree.push({ member: directory(folder), content: folder });
  return tree.sort((a, b) => compareMembers(a.member, b.member));
}

/** Identity and bytes of each segment, told from what the segment holds. */
function segmentsOf(tree: Tree, constants: CutConstants): Map<string, number> {
  const segments = new Map<string, number>();
  const members = tree.map(({ member }) => member);
  for (const plan of planSegments(members, constants, false)) {
    const content =
      'from' in plan ? tree.slice(plan.from, plan.to).map((each) => each.content) : [JSON.stringify(plan)];
    segments.set(sha256(content.join('\n')), bytesOf(plan, members));
  }
  return segments;
}

function bytesOf(plan: SegmentPlan, members: readonly CutMember[]): number {
  if ('from' in plan) return members.slice(plan.from, plan.to).reduce((sum, { bytes }) => sum + bytes, 0);
  if ('header' in plan) return BLOCK;
  return paddedSize(plan.part.length);
}

/** The share of bytes that a store with the first tree's segments lacks of the second's. */
function shareToSend(before: Tree, after: Tree, constants: CutConstants): number {
  const had = segmentsOf(before, constants);
  let lacking = 0;
  let all = 0;
  for (const [identity, bytes] of segmentsOf(after, constants)) {
    all += bytes;
    if (!had.has(identity)) lacking += bytes;
  }
  return lacking / all;
}

/** Each member is in exactly one segment, in order, and large files are whole. */
function covers(plan: readonly SegmentPlan[], members: readonly CutMember[]): boolean {
  let next = 0;
  let part: { index: number; end: number } | undefined;
  for (const each of plan) {
    if ('part' in each) {
      const { index, offset, length } = each.part;
      if (part === undefined || index !== part.index || offset !== part.end || length <= 0) return false;
      part = { index, end: offset + length };
      continue;
    }
    if (part !== undefined && part.end !== members[part.index]?.size) return false;
    part = undefined;
    if ('header' in each) {
      if (each.header !== next) return false;
      part = { index: each.header, end: 0 };
      next++;
    } else {
      if (each.from !== next || each.to <= each.from) return false;
      next = each.to;
    }
  }
  return next === members.length && (part === undefined || part.end === members[part.index]?.size);
}

test('after three bumps of 900 packages almost nothing is to send', (t) => {
  const packages = nodeModules(900, 1);
  const before = treeOf(packages);
  const bytes = before.reduce((sum, { member }) => sum + member.bytes, 0);
  const next = random(7);
  const shares: number[] = [];
  const changes: number[] = [];
  for (let run = 0; run < 12; run++) {
    const bumped = new Set([0, 1, 2].map(() => Math.floor(next() * packages.length)));
    const after = treeOf(packages, bumped);
    const had = new Set(before.map(({ content }) => content));
    changes.push(
      after.reduce((sum, { member, content }) => sum + (had.has(content) ? 0 : member.bytes), 0) / bytes,
    );
    shares.push(shareToSend(before, after, CUTS.default));
  }
  const mean = (list: number[]) => list.reduce((sum, each) => sum + each, 0) / list.length;
  t.ok(
    bytes > 100 * MiB && before.length > 15_000,
    `${(bytes / MiB).toFixed(0)} MiB, ${before.length} members`,
  );
  const percent = (list: number[]) => `${(100 * mean(list)).toFixed(2)} %`;
  // Three segments of about 2 MiB each: those that a changed package lies in.
  t.ok(mean(shares) < 0.05, `${percent(shares)} to send, where ${percent(changes)} have changed`);
  t.end();
});

test('a package that is added or removed moves no cut but those around it', (t) => {
  const packages = nodeModules(400, 2);
  const without = packages.filter((_, index) => index !== 200);
  const [more, less] = [treeOf(packages), treeOf(without)];
  t.ok(shareToSend(less, more, CUTS.default) < 0.1);
  t.ok(shareToSend(more, less, CUTS.default) < 0.1);
  t.end();
});

test('the rule: from the floor on, before a file of t bytes, where u32(sha256(path)) < 2^32 * min(1, t / mean)', (t) => {
  const constants = { floor: 10 * KiB, mean: 64 * KiB, max: MiB, alone: 512 * KiB };
  const next = random(5);
  const members = Array.from({ length: 3000 }, (_, n) =>
    file(`f${String(n).padStart(5, '0')}`, Math.floor(next() * 40 * KiB)),
  );
  const cuts = new Set<number>();
  let gathered = 0;
  for (const [index, { path, bytes }] of members.entries()) {
    const u32 = Buffer.from(sha256(path), 'hex').readUInt32BE();
    if (gathered >= constants.floor && u32 < 2 ** 32 * Math.min(1, bytes / constants.mean)) {
      cuts.add(index);
      gathered = 0;
    }
    gathered += bytes;
  }
  const plan = planSegments(members, constants, false);
  t.same(
    plan.slice(1).map((each) => ('from' in each ? each.from : -1)),
    [...cuts],
  );
  t.end();
});

for (const [kind, constants] of Object.entries(CUTS)) {
  test(`${kind}: segments are whole, in order, and bounded`, (t) => {
    const { floor, max, alone } = constants;
    const members = [
      ...Array.from({ length: 40_000 }, (_, n) => directory(`d/${n}`)),
      ...treeOf(nodeModules(300, 4))
        .map(({ member }) => member)
        .filter(({ type }) => type === 'file'),
      file('y/alone', alone),
      file('y/tiny', 10),
      file('z/just under a part', PART_BYTES - 1),
      file('z/one part', PART_BYTES),
      file('z/parts', 3 * PART_BYTES + 700),
      file('z/tiny', 10),
    ];
    const plan = planSegments(members, constants, false);
    t.ok(covers(plan, members));
    for (const each of plan) {
      const bytes = bytesOf(each, members);
      if (bytes > LIMITS.segmentRaw) t.fail(`a segment of ${bytes} bytes`);
      const single = 'from' in each && each.to === each.from + 1;
      if ('from' in each && !single && bytes > max) t.fail(`${bytes} bytes gathered`);
      const large =
        'from' in each && members.slice(each.from, each.to).some((member) => member.bytes >= alone);
      if (large && !single) t.fail('a large file does not stand alone');
    }
    const gathered = plan
      .filter((each) => 'from' in each && each.to > each.from + 1)
      .map((each) => bytesOf(each, members));
    const short = gathered.filter((bytes) => bytes < floor).length;
    const large = members.filter(({ bytes }) => bytes >= alone).length;
    t.ok(short <= large + 1, 'short ones stand before large files and at the end only');
    t.end();
  });
}

test('where no path is a cut, gathering stops at the maximum', (t) => {
  const never = { floor: KiB, mean: 2 ** 50, max: 64 * KiB, alone: MiB };
  const members = Array.from({ length: 1000 }, (_, n) => file(`f${n}`, 1500));
  const plan = planSegments(members, never, false);
  t.ok(covers(plan, members));
  t.ok(plan.every((each) => bytesOf(each, members) <= never.max));
  t.equal(plan.length, Math.ceil(1000 / Math.floor((64 * KiB) / 2048)));
  t.end();
});

test('a file of 8 MiB or more is a header and parts of 8 MiB of its own content', (t) => {
  const plan = (size: number) =>
    planSegments([file('a', 10), file('big', size), file('c', 10)], CUTS.default, false);
  t.same(plan(PART_BYTES - 1), [
    { from: 0, to: 1 },
    { from: 1, to: 2 },
    { from: 2, to: 3 },
  ]);
  t.same(plan(PART_BYTES), [
    { from: 0, to: 1 },
    { header: 1 },
    { part: { index: 1, offset: 0, length: PART_BYTES } },
    { from: 2, to: 3 },
  ]);
  t.same(plan(2 * PART_BYTES + 1).slice(2, 5), [
    { part: { index: 1, offset: 0, length: PART_BYTES } },
    { part: { index: 1, offset: PART_BYTES, length: PART_BYTES } },
    { part: { index: 1, offset: 2 * PART_BYTES, length: 1 } },
  ]);
  t.end();
});

test('a small entry is one segment a root', (t) => {
  const members = treeOf(nodeModules(20, 6)).map(({ member }) => member);
  t.same(planSegments(members, CUTS.default, true), [{ from: 0, to: members.length }]);
  t.same(planSegments([], CUTS.default, true), []);
  t.same(planSegments([], CUTS.default, false), []);
  t.end();
});
