/**
 * The answer to a look-up: plain JSON, or JSON followed by the first bytes of archives. The JSON belongs to the control
 * request's budget; the bytes behind it are an archive's, and on a slow link may take as long as they flow.
 */
import type { Layout } from '#protocol/format/layout.ts';
import type { SignedManifest } from '#protocol/format/manifest.ts';
import { checkSignedManifest } from '#protocol/format/manifest-check.ts';
import { type CachalotError, fault, isFault } from '#protocol/wire/errors.ts';
import { decodeInline, INLINE_TYPE, inlineBytes } from '#protocol/wire/inline.ts';
import type { Deadline } from './deadline.ts';
import type { Answer } from './exchange.ts';
import { Failure } from './failure.ts';
import { isLayout, type LookupResult, lookupResults } from './lookup-check.ts';

export type FoundResult =
  | { hit: 'none'; reason?: string }
  | {
      hit: 'exact' | 'near';
      /** The entry's id. */
      entry: string;
      signed: SignedManifest;
      layout: Layout;
      /** The first bytes of the archive, as many as came along. */
      inline?: Buffer;
      /** The entry's packed times, if they came along. */
      times?: Buffer;
      /** Segments are to be read one by one. */
      delivery?: 'redirect' | 'accel';
      /** Why there is no exact hit. */
      reason?: string;
    };

const LENGTH_BYTES = 4;

/** Throws a {@link Failure} or a CachalotError where it is not an answer to `wants` questions within the limits in bytes. */
export async function readLookup(
  answer: Answer,
  deadline: Deadline,
  wants: number,
  limits: { json: number; inline: number },
  url: string,
): Promise<FoundResult[]> {
  if (answer.header('content-type')?.startsWith(INLINE_TYPE)) {
    const { answer: value, bytes } = decodeInline(await readInline(answer, deadline, limits, url), url);
    return resultsOf(value, bytes, wants, url);
  }
  const text = (await answer.bytes(limits.json)).toString('utf8');
  return resultsOf(parseJson(text, url), Buffer.alloc(0), wants, url);
}

async function readInline(
  answer: Answer,
  deadline: Deadline,
  limits: { json: number; inline: number },
  url: string,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let held = 0;
  let json: number | undefined;
  for await (const chunk of answer.body()) {
    chunks.push(chunk);
    held += chunk.length;
    if (json === undefined && held >= LENGTH_BYTES) json = Buffer.concat(chunks, LENGTH_BYTES).readUInt32LE();
    if ((json ?? 0) > limits.json || held > LENGTH_BYTES + (json ?? 0) + limits.inline) {
      throw new Failure(unreadable(url, 'it is longer than what was asked for'));
    }
    if (json !== undefined && held >= LENGTH_BYTES + json) deadline.endTotal();
  }
  return Buffer.concat(chunks, held);
}

function parseJson(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw fault('CLIENT_ANSWER_UNREADABLE', { url, why: 'it is not JSON' }, { cause });
  }
}

function resultsOf(value: unknown, bytes: Buffer, wants: number, url: string): FoundResult[] {
  const results = lookupResults(value);
  if (results === undefined) throw unreadable(url, 'it is no answer to a look-up');
  if (results.length !== wants)
    throw unreadable(url, `it has ${results.length} results for ${wants} questions`);
  return results.map((result) => resultOf(result, bytes, url));
}

function resultOf(result: LookupResult, bytes: Buffer, url: string): FoundResult {
  const { hit, entry, manifest, signature, layout, inline, times, delivery } = result;
  const reason = result.reason === undefined ? {} : { reason: result.reason };
  if (hit === 'none') return { hit, ...reason };
  if (entry === undefined || !isLayout(layout)) throw unreadable(url, 'a hit lacks its entry or its layout');
  const along = {
    ...(inline === undefined ? {} : { inline: inlineBytes(bytes, inline, url) }),
    ...(times === undefined ? {} : { times: inlineBytes(bytes, times, url) }),
    ...(delivery === undefined ? {} : { delivery }),
  };
  try {
    return { hit, entry, signed: checkSignedManifest({ manifest, signature }), layout, ...along, ...reason };
  } catch (error) {
    // A newer format is no damage: the next save writes one that this version reads.
    if (isFault(error, 'FORMAT_TOO_NEW')) return { hit: 'none', reason: error.message };
    throw error;
  }
}

function unreadable(url: string, why: string): CachalotError {
  return fault('CLIENT_ANSWER_UNREADABLE', { url, why });
}
