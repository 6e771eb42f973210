/**
 * A run of an entry's archive. What was cut off is asked for again from where it ended; `If-Match` makes sure that both
 * halves are of one layout (hardening.md, D5).
 */
import { fault } from '#protocol/wire/errors.ts';
import { pause } from './clock.ts';
import type { Answer, Exchange } from './exchange.ts';
import { Failure } from './failure.ts';
import type { Retrying } from './retry.ts';

export interface ArchiveRun {
  entry: string;
  /** Bytes of the archive; `end` is exclusive. */
  start: number;
  end: number;
  /** See protocol/wire/archive-tag.ts. */
  tag: string;
  signal: AbortSignal;
}

/** How often a run is taken up again without a byte of progress, and in all. */
const FRUITLESS = 3;
const RESUMED = 10;

/** Yields exactly `end - start` bytes or throws a {@link Failure}: LAYOUT_STALE where what is stored is no longer as it was. */
export async function* readArchive(
  send: Exchange,
  url: string,
  retrying: Retrying,
  run: ArchiveRun,
): AsyncGenerator<Buffer, void, void> {
  let at = run.start;
  let fruitless = 0;
  for (let resumed = 0; at < run.end; resumed++) {
    const from = at;
    try {
      const answer = await ask(send, run, at);
      checkRange(answer, url, at, run.end);
      for await (const chunk of answer.body()) {
        if (at + chunk.length > run.end) throw unreadable(url, 'it is longer than what was asked for');
        at += chunk.length;
        yield chunk;
      }
      if (at < run.end)
        throw new Failure(fault('CLIENT_UNAVAILABLE', { url, why: 'the answer was cut off' }), {
          transient: true,
        });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      fruitless = at > from ? 0 : fruitless + 1;
      if (!error.transient || fruitless === FRUITLESS || resumed === RESUMED) throw error;
      await pause(
        retrying.clock,
        Math.max(error.retryAfter, retrying.random() * 200 * 2 ** fruitless),
        run.signal,
      );
    }
  }
}

async function ask(send: Exchange, run: ArchiveRun, at: number): Promise<Answer> {
  try {
    return await send({
      method: 'GET',
      path: `entries/${encodeURIComponent(run.entry)}/archive`,
      headers: { range: `bytes=${at}-${run.end - 1}`, 'if-match': run.tag },
      signal: run.signal,
    });
  } catch (error) {
    if (error instanceof Failure && error.status === 412)
      throw new Failure(fault('LAYOUT_STALE', { entry: run.entry }));
    throw error;
  }
}

function checkRange(answer: Answer, url: string, start: number, end: number): void {
  const range = answer.header('content-range') ?? '';
  if (answer.status !== 206 || !range.startsWith(`bytes ${start}-${end - 1}/`)) {
    throw unreadable(url, `it is not bytes ${start} to ${end - 1} of the archive`);
  }
}

function unreadable(url: string, why: string): Failure {
  return new Failure(fault('CLIENT_ANSWER_UNREADABLE', { url, why }));
}
