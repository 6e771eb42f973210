/**
 * One segment's stored bytes: from the server, or from where it sends us (307). There nobody gets our credential, and only the version counts
 * that the server names. What its address says besides the host (a signature) is in no message.
 */
import { fault } from '#protocol/wire/errors.ts';
import type { Answer, Exchange } from './exchange.ts';
import { Failure } from './failure.ts';

export interface SegmentRun {
  /** That it is of: who is not trusted gets what is in an entry that he may look up. */
  entry: string;
  identity: string;
  /** Stored bytes. */
  length: number;
  /** Whether it may come from elsewhere: only where its identity is verified. */
  redirected: boolean;
  signal: AbortSignal;
}

/** Gets an absolute address, in the version of `etag` if there is one. */
export type Elsewhere = (url: URL, etag: string | undefined, signal: AbortSignal) => Promise<Answer>;

/** A proxy may say it in HTML besides. */
const REDIRECTION_BYTES = 64 * 1024;

/** Yields exactly `length` bytes or throws a {@link Failure}. */
export async function* readSegment(
  send: Exchange,
  elsewhere: Elsewhere,
  url: string,
  { entry, identity, length, redirected, signal }: SegmentRun,
): AsyncGenerator<Buffer, void, void> {
  const path = `segments/${identity}?entry=${encodeURIComponent(entry)}`;
  let answer = await send({ method: 'GET', path, redirected, signal });
  let from = url;
  if (answer.status === 307) {
    const target = URL.parse(answer.header('location') ?? '');
    const etag = answer.header('etag');
    await answer.bytes(REDIRECTION_BYTES);
    if (target === null || !/^https?:$/.test(target.protocol))
      throw unreadable(url, 'it redirects to no address');
    from = target.origin;
    answer = await elsewhere(target, etag, signal);
  }
  let at = 0;
  for await (const chunk of answer.body()) {
    at += chunk.length;
    if (at > length) throw unreadable(from, `the segment ${identity} is longer than its layout says`);
    yield chunk;
  }
  if (at < length) throw unreadable(from, `the segment ${identity} is shorter than its layout says`);
}

function unreadable(url: string, why: string): Failure {
  return new Failure(fault('CLIENT_ANSWER_UNREADABLE', { url, why }));
}
