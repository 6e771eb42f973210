/** Members to make archives of, and changes to archives such as somebody might try on a reader. */
import fc from 'fast-check';
import { checkLink, checkMemberPath, type Member } from '#protocol/format/member.ts';
import { BLOCK, encodeHeader, FIELD, paddedSize } from '#protocol/format/tar-header.ts';
import { paxOf, withChecksum } from './header-block.ts';

const part = fc.oneof(
  fc.stringMatching(/^[a-z0-9._-]{1,12}$/),
  fc.stringMatching(/^[a-z]{40,90}$/),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
);
const path = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/'));

/** Names that are refused make no member that could be written. */
function isKept({ type, path, link }: Member): boolean {
  try {
    checkMemberPath(path);
    if (type === 'symlink' || type === 'hardlink') checkLink(type, path, link ?? '');
    return path !== '.' || type === 'directory';
  } catch {
    return false;
  }
}

export const anyMember: fc.Arbitrary<Member> = fc
  .record({
    type: fc.constantFrom<Member['type']>('directory', 'file', 'file', 'symlink', 'hardlink'),
    path,
    mode: fc.integer({ min: 0, max: 0o777 }),
    size: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3000 })),
    mtime: fc.integer({ min: 0, max: 8 ** 11 - 1 }),
    link: path,
  })
  .map(({ link, size, ...rest }): Member => {
    if (rest.type === 'symlink' || rest.type === 'hardlink') return { ...rest, size: 0, link };
    return { ...rest, size: rest.type === 'file' ? size : 0 };
  })
  .filter(isKept);

/** A stream of members whose content is the letter c. */
export function streamOf(members: readonly Member[]): Buffer {
  return Buffer.concat(
    members.flatMap((member) => {
      const padding = Buffer.alloc(paddedSize(member.size) - member.size);
      return [encodeHeader(member), Buffer.alloc(member.size, 'c'), padding];
    }),
  );
}

/** Where the header blocks of {@link streamOf} start, pax headers' too. */
export function headersOf(members: readonly Member[]): number[] {
  const starts: number[] = [];
  let start = 0;
  for (const member of members) {
    const header = encodeHeader(member).length;
    starts.push(start);
    if (header > BLOCK) starts.push(start + header - BLOCK);
    start += header + paddedSize(member.size);
  }
  return starts;
}

type FieldName = keyof typeof FIELD;

export type Change =
  /** A byte of a header. */
  | { set: number; of: number; to: number }
  /** A field of a header as a whole. */
  | { field: FieldName; of: number; to: string }
  /** A pax header before a header. */
  | { pax: string; before: number }
  | { removeBlock: number }
  | { doubleBlock: number }
  | { clearBlock: number }
  | { cutAt: number };

const somewhere = fc.nat({ max: 1_000_000 });

const fieldText = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '1',
    '2',
    '5',
    '7',
    'x',
    'g',
    'L',
    'K',
    'S',
    '\0',
    ' 12\0',
    '00000000017 ',
    '777777777777',
  ),
  fc.constantFrom(
    '-1',
    '1234567 ',
    'ustar  \0',
    'ustar\u000000',
    'a/',
    '/',
    '../x',
    'C:x',
    'a\0b',
    'a//b',
    './a',
  ),
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
);

const paxText = fc
  .tuple(
    fc.constantFrom('path', 'path', 'linkpath', 'size', 'mtime', 'GNU.sparse.size', 'charset'),
    fc.oneof(
      path,
      fc.constantFrom('0', '512', '-1', String(8 ** 11), 'x'.repeat(150), `${'x'.repeat(150)}/`, 'a\0b'),
    ),
    fc.constantFrom(0, 0, 0, -1, 1),
  )
  .map(([keyword, value, wrong]) => {
    const rest = ` ${keyword}=${value}\n`;
    const length = Buffer.byteLength(rest);
    return `${length + String(length + 2).length + wrong}${rest}`;
  });

export const anyChange: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ set: fc.nat({ max: BLOCK - 1 }), of: somewhere, to: fc.nat({ max: 255 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      field: fc.constantFrom(...(Object.keys(FIELD) as FieldName[])),
      of: somewhere,
      to: fieldText,
    }),
  },
  { weight: 2, arbitrary: fc.record({ pax: paxText, before: somewhere }) },
  fc.record({ removeBlock: somewhere }),
  fc.record({ doubleBlock: somewhere }),
  fc.record({ clearBlock: somewhere }),
  fc.record({ cutAt: somewhere }),
);

/** Applies a change, in a copy, where there is something to change; checksums are put right unless they are the change. */
export function changed(before: Buffer, headers: readonly number[], change: Change): Buffer {
  const stream = Buffer.from(before);
  const left = headers.filter((start) => start + BLOCK <= stream.length);
  const header = (n: number) => left[n % left.length] as number;
  const block = (n: number) => (n % Math.floor(stream.length / BLOCK)) * BLOCK;
  if (left.length === 0) return stream;
  if ('set' in change) {
    const start = header(change.of);
    stream[start + change.set] = change.to;
    withChecksum(stream.subarray(start, start + BLOCK));
    return stream;
  }
  if ('field' in change) {
    const start = header(change.of);
    const { at, length } = FIELD[change.field];
    stream.fill(0, start + at, start + at + length).write(change.to.slice(0, length), start + at, 'latin1');
    if (change.field !== 'checksum') withChecksum(stream.subarray(start, start + BLOCK));
    return stream;
  }
  if ('pax' in change) {
    const start = header(change.before);
    return Buffer.concat([stream.subarray(0, start), paxOf(change.pax), stream.subarray(start)]);
  }
  if ('cutAt' in change) return stream.subarray(0, change.cutAt % (stream.length + 1));
  if ('clearBlock' in change)
    return stream.fill(0, block(change.clearBlock), block(change.clearBlock) + BLOCK);
  if ('doubleBlock' in change) {
    const start = block(change.doubleBlock);
    return Buffer.concat([stream.subarray(0, start + BLOCK), stream.subarray(start)]);
  }
  const start = block(change.removeBlock);
  return Buffer.concat([stream.subarray(0, start), stream.subarray(start + BLOCK)]);
}
