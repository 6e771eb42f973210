/** One segment, as a reader asks for it by its identity. */
import { test } from 'tap';
import { segmentObject } from '#protocol/format/object-name.ts';
import { localGrant } from '#server/auth/grant.ts';
import type { Entries } from '#server/entries/entries.ts';
import { type MadeSegment, someSegments, storedOtherwise } from '../made-segments.ts';
import { openEntries, save } from './open-entries.ts';

async function read(entries: Entries, { identity }: MadeSegment): Promise<Buffer | undefined> {
  const found = await entries.segment(localGrant, identity);
  if (found === undefined) return undefined;
  const chunks: Buffer[] = [];
  for await (const { bytes } of found.chunks) chunks.push(bytes);
  return Buffer.concat(chunks);
}

test('where a segment is, is asked of the index once; what became of it, of the store each time', async (t) => {
  let asked = 0;
  const { entries, parts } = await openEntries(t, {
    change(parts) {
      const { index } = parts;
      const segments = index.segments.bind(index);
      index.segments = (...given) => {
        asked += 1;
        return segments(...given);
      };
      return parts;
    },
  });
  const [one, two] = someSegments(2) as [MadeSegment, MadeSegment];
  await save(entries, 'npm/shop/a', [one, two]);
  asked = 0;
  for (let reader = 0; reader < 3; reader += 1) t.ok((await read(entries, one))?.equals(one.stored));
  t.equal(asked, 1);

  const rewritten = storedOtherwise(one);
  await parts.store.put(segmentObject('local', one.identity), rewritten);
  for (let reader = 0; reader < 3; reader += 1)
    t.ok((await read(entries, one))?.equals(rewritten), 'another version is noticed, and known afterwards');

  t.ok(await read(entries, two));
  await parts.store.delete(segmentObject('local', two.identity));
  t.equal(await read(entries, two), undefined);
  await entries.admit(localGrant, Buffer.from(two.stored));
  t.ok((await read(entries, two))?.equals(two.stored), 'and there again when it is saved');
});
