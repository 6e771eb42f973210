/**
 * A look-up's answer that carries the first bytes of archives ({@link INLINE_TYPE}): a u32 length, little endian, the JSON
 * of that length, then the bytes; a result's `inline` says which of them are its own.
 */
import { fault } from './errors.ts';

/** Content type of such an answer. */
export const INLINE_TYPE = 'application/vnd.cachalot.lookup';
/** The request's header that asks for it, with how many bytes are welcome. */
export const ACCEPT_INLINE = 'accept-inline';
/** At most this many inline bytes come with one answer, whatever is asked for: packed times, and whole segments. */
export const INLINE_MAX = 4 * 1024 * 1024;

const LENGTH_BYTES = 4;

/** The buffers of the body: `json` is the answer as text, `bytes` what stands behind it. */
export function encodeInline(json: string, bytes: readonly Buffer[]): Buffer[] {
  const text = Buffer.from(json);
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32LE(text.length);
  return [length, text, ...bytes];
}

/** Divides a body. `url` is for the error, `CLIENT_ANSWER_UNREADABLE`. The JSON is parsed, not yet checked. */
export function decodeInline(body: Buffer, url: string): { answer: unknown; bytes: Buffer } {
  const length = body.length < LENGTH_BYTES ? undefined : body.readUInt32LE();
  if (length === undefined || LENGTH_BYTES + length > body.length)
    throw fault('CLIENT_ANSWER_UNREADABLE', { url, why: 'it is cut off' });
  const end = LENGTH_BYTES + length;
  try {
    return { answer: JSON.parse(body.toString('utf8', LENGTH_BYTES, end)), bytes: body.subarray(end) };
  } catch (cause) {
    throw fault('CLIENT_ANSWER_UNREADABLE', { url, why: 'its JSON is malformed' }, { cause });
  }
}

/** The bytes that one result speaks of. */
export function inlineBytes(bytes: Buffer, inline: { offset: number; length: number }, url: string): Buffer {
  if (inline.offset + inline.length > bytes.length)
    throw fault('CLIENT_ANSWER_UNREADABLE', { url, why: 'it has fewer bytes than it says' });
  return bytes.subarray(inline.offset, inline.offset + inline.length);
}
