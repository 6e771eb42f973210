/**
 * Large buffers are given back when they have served, not when the garbage collector comes by: what lies outside its heap hardly
 * hurries it, and a server that only passes bytes on would hold hundreds of megabytes of them.
 */

/** The bytes are gone afterwards, for everybody; a part of a larger buffer is left alone. Only for who owns them. */
export function letGo(bytes: Buffer): void {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && bytes.length === buffer.byteLength) buffer.transfer(0);
}
