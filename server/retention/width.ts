/** Work on what a listing yields, several at once, none of it held. */

/**
 * Runs `work` on each item, at most `width` at a time. `done` is called between two items with the last of those before which,
 * itself included, all have been worked on. The first error ends it, as does the signal.
 */
export async function eachAtMost<T>(
  width: number,
  items: AsyncIterable<T>,
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
  done: (last: T) => Promise<void> = async () => {},
): Promise<void> {
  let batch: T[] = [];
  const flush = async () => {
    signal.throwIfAborted();
    const last = batch.at(-1);
    if (last === undefined) return;
    await Promise.all(batch.map(work));
    batch = [];
    await done(last);
  };
  for await (const item of items) {
    batch.push(item);
    if (batch.length >= width) await flush();
  }
  await flush();
}
