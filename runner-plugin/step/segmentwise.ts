/**
 * An archive's bytes, read a segment at a time past the server where it says so. Whatever goes wrong on that way is no reason to miss: from
 * there on the archive itself is read, through the server, which knows what is missing or has moved.
 */
import type { Layout } from '#protocol/format/layout.ts';
import { isFault } from '#protocol/wire/errors.ts';
import type { ArchiveSource } from '../archive/unpack.ts';
import type { CacheClient } from '../client/client.ts';

/** `told` is called once, with why it was given up. */
export function segmentwise(
  entry: string,
  { segments }: Layout,
  client: Pick<CacheClient, 'segment'>,
  archive: ArchiveSource['read'],
  delivery: 'redirect' | 'accel',
  told: (why: string) => void,
): ArchiveSource['read'] {
  const byStart = new Map<number, Layout['segments'][number]>();
  let bytes = 0;
  for (const segment of segments) {
    byStart.set(bytes, segment);
    bytes += segment.length;
  }
  let isGivenUp = false;
  return async function* read(start, end, signal) {
    let at = start;
    while (at < end) {
      const segment = byStart.get(at);
      if (isGivenUp || segment === undefined || at + segment.length > end) {
        yield* archive(at, end, signal);
        return;
      }
      try {
        for await (const chunk of client.segment({
          entry,
          ...segment,
          redirected: delivery === 'redirect',
          signal,
        })) {
          at += chunk.length;
          yield chunk;
        }
      } catch (error) {
        signal.throwIfAborted();
        if (!isFault(error)) throw error;
        if (!isGivenUp) told(error.message);
        isGivenUp = true;
      }
    }
  };
}
