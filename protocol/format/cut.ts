/**
 * The cut rule: where a root's stream of members is divided into segments (formats.md, section 2).
 *
 * A cut depends on what stands around it and on nothing else, so trees that differ in a few places have most segments in
 * common. Members are weighed by their bytes, which keeps cuts apart by bytes whatever the sizes are.
 */
import { sha256 } from './digest.ts';
import { type CutConstants, PART_BYTES } from './limits.ts';
import type { MemberType } from './member.ts';

/** What the rule looks at; in the order of the stream. */
export interface CutMember {
  /** Relative to the root, so that a root under another name is cut alike. */
  path: string;
  /** In the stream: headers, content, padding. */
  bytes: number;
  /** Of the content alone. */
  size: number;
  type: MemberType;
}

export type SegmentPlan =
  /** Whole members; `to` is exclusive. */
  | { from: number; to: number }
  /** The headers of a large file and nothing else; its parts follow. */
  | { header: number }
  /** `length` bytes of a large file's content from `offset` on; the last part also holds the padding. */
  | { part: { index: number; offset: number; length: number } };

/** `smallEntry`: the entry is at most SMALL_ENTRY_BYTES, all roots together, so this root is one segment. */
export function planSegments(
  members: Iterable<CutMember>,
  constants: CutConstants,
  smallEntry: boolean,
): SegmentPlan[] {
  const plan: SegmentPlan[] = [];
  let index = -1;
  let from = 0;
  let gathered = 0;
  const cutBefore = (to: number) => {
    if (to > from) plan.push({ from, to });
    from = to;
    gathered = 0;
  };
  for (const member of members) {
    index++;
    if (smallEntry) continue;
    if (member.type === 'file' && member.size >= PART_BYTES) {
      cutBefore(index);
      plan.push({ header: index }, ...partsOf(index, member.size));
      from = index + 1;
      continue;
    }
    if (member.bytes >= constants.alone) {
      cutBefore(index);
      plan.push({ from: index, to: index + 1 });
      from = index + 1;
      continue;
    }
    if (
      gathered + member.bytes > constants.max ||
      (gathered >= constants.floor && isCut(member, constants.mean))
    )
      cutBefore(index);
    gathered += member.bytes;
  }
  cutBefore(index + 1);
  return plan;
}

function partsOf(index: number, size: number): SegmentPlan[] {
  const parts: SegmentPlan[] = [];
  for (let offset = 0; offset < size; offset += PART_BYTES) {
    parts.push({ part: { index, offset, length: Math.min(PART_BYTES, size - offset) } });
  }
  return parts;
}

function isCut(member: CutMember, mean: number): boolean {
  const u32 = Number.parseInt(sha256(member.path).slice(0, 8), 16);
  return u32 < 2 ** 32 * Math.min(1, member.bytes / mean);
}
