/** One small file out of a jar, without unpacking it: a zip's directory stands at its end (APPNOTE.TXT 4.3.12 to 4.3.16). */
import { open } from 'node:fs/promises';
import zlib from 'node:zlib';

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
/** The end record is 22 bytes and may be followed by a comment of 64 KiB. */
const TAIL_BYTES = 22 + 0xffff;
const MOST_BYTES = 1024 * 1024;

/** The text of the entry; undefined where the file is no jar, or has none of that name, or a large one. */
export async function readJarEntry(path: string, name: string): Promise<string | undefined> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    const read = async (from: number, bytes: number): Promise<Buffer> => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, from);
      return buffer.subarray(0, bytesRead);
    };
    const tail = await read(Math.max(0, size - TAIL_BYTES), Math.min(size, TAIL_BYTES));
    const end = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
    if (end < 0 || tail.readUInt32LE(end) !== END_OF_DIRECTORY) return undefined;
    const directory = await read(
      tail.readUInt32LE(end + 16),
      Math.min(tail.readUInt32LE(end + 12), 16 * MOST_BYTES),
    );
    for (let at = 0; at + 46 <= directory.length && directory.readUInt32LE(at) === DIRECTORY_ENTRY; ) {
      const nameLength = directory.readUInt16LE(at + 28);
      const found = directory.toString('utf8', at + 46, at + 46 + nameLength);
      if (found === name) {
        const [method, packed, unpacked] = [
          directory.readUInt16LE(at + 10),
          directory.readUInt32LE(at + 20),
          directory.readUInt32LE(at + 24),
        ];
        if (packed > MOST_BYTES || unpacked > MOST_BYTES) return undefined;
        const header = await read(directory.readUInt32LE(at + 42), 30);
        const start =
          directory.readUInt32LE(at + 42) + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
        const bytes = await read(start, packed);
        return (method === 0 ? bytes : zlib.inflateRawSync(bytes, { maxOutputLength: MOST_BYTES })).toString(
          'utf8',
        );
      }
      at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
    }
    return undefined;
  } catch {
    // Anything else that it may be, it is not a jar that we can read.
    return undefined;
  } finally {
    await file.close();
  }
}
