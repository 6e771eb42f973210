/**
 * The CRC-32 of two runs of bytes together, from the CRC-32 of each: so that the parts of a large file can be read by
 * several threads at once. Appending a zero byte is a linear map over GF(2); appending n of them is that map squared and
 * multiplied up, as in zlib's crc32_combine (Mark Adler).
 */

/** The polynomial of zlib's CRC-32, bits reversed. */
const POLYNOMIAL = 0xedb88320;

/** `second` is the CRC-32 of `length` bytes that follow those of `first`. Unsigned, as zlib.crc32's results are. */
export function combineCrc32(first: number, second: number, length: number): number {
  let shifted = first | 0;
  let power = ONE_ZERO_BYTE;
  for (let rest = length; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) shifted = apply(power, shifted);
    power = square(power);
  }
  return (shifted ^ second) >>> 0;
}

// A matrix is 32 columns: what each bit of a CRC becomes.
type Matrix = Int32Array;

function apply(matrix: Matrix, vector: number): number {
  let sum = 0;
  for (let bits = vector, column = 0; bits !== 0; bits >>>= 1, column++) {
    if ((bits & 1) !== 0) sum ^= matrix[column] as number;
  }
  return sum;
}

function square(matrix: Matrix): Matrix {
  return matrix.map((column) => apply(matrix, column));
}

const ONE_ZERO_BIT: Matrix = Int32Array.from({ length: 32 }, (_, bit) =>
  bit === 0 ? POLYNOMIAL : 2 ** (bit - 1),
);
const ONE_ZERO_BYTE: Matrix = square(square(square(ONE_ZERO_BIT)));
