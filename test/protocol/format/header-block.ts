/**
 * Makes tar header blocks field by field, so that a test can write what the codec never would. Every block gets a right
 * checksum, unless the test gives another.
 */
import { BLOCK, FIELD, paddedSize } from '#protocol/format/tar-header.ts';

/** Texts are written as latin1, from the start of the field; the rest of the field is NUL. */
export interface Fields {
  name?: string | Buffer;
  mode?: string;
  uid?: string;
  gid?: string;
  size?: string | Buffer;
  mtime?: string | Buffer;
  checksum?: string;
  type?: string;
  link?: string | Buffer;
  magic?: string;
  devmajor?: string;
  devminor?: string;
  prefix?: string | Buffer;
}

const USUAL: Required<Omit<Fields, 'checksum'>> = {
  name: 'x',
  mode: '0000644\0',
  uid: '0000000\0',
  gid: '0000000\0',
  size: '00000000000\0',
  mtime: '03560116604\0',
  type: '0',
  link: '',
  magic: 'ustar\u000000',
  devmajor: '0000000\0',
  devminor: '0000000\0',
  prefix: '',
};

export function headerBlock(fields: Fields = {}): Buffer {
  const block = Buffer.alloc(BLOCK);
  for (const [name, value] of Object.entries({ ...USUAL, ...fields })) {
    const field = FIELD[name as keyof typeof FIELD];
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value, 'latin1');
    bytes.copy(block, field.at, 0, field.length);
  }
  return fields.checksum === undefined ? withChecksum(block) : block;
}

/** Puts the right checksum into a block, in place. */
export function withChecksum(block: Buffer): Buffer {
  block.fill(' ', FIELD.checksum.at, FIELD.checksum.at + FIELD.checksum.length);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, FIELD.checksum.at, 'latin1');
  return block;
}

export function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

export const sizeField = (size: number) => `${octal(size, 11)}\0`;

/** Content and its padding. */
export function padded(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([bytes, Buffer.alloc(paddedSize(bytes.length) - bytes.length)]);
}

export function fileOf(name: string, content = ''): Buffer {
  return Buffer.concat([headerBlock({ name, size: sizeField(content.length) }), padded(content)]);
}

/** A pax header with these records, ready to stand before a header. */
export function paxOf(...records: string[]): Buffer {
  const content = Buffer.from(records.join(''));
  return Buffer.concat([
    headerBlock({ name: '././@PaxHeader', type: 'x', size: sizeField(content.length) }),
    padded(content),
  ]);
}

/** `<length> <keyword>=<value>\n` with the length that is right. */
export function paxRecord(keyword: string, value: string): string {
  const rest = ` ${keyword}=${value}\n`;
  for (let digits = 1; ; digits++) {
    const length = digits + Buffer.byteLength(rest);
    if (String(length).length === digits) return `${length}${rest}`;
  }
}

/** The end of an archive, for tools that want one. */
export const END = Buffer.alloc(2 * BLOCK);
