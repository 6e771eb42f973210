import { test } from 'tap';
import { sha256 } from '#protocol/format/digest.ts';
import { detailObject, segmentObject } from '#protocol/format/object-name.ts';
import { localGrant } from '#server/auth/grant.ts';
import { CommitConflictError } from '#server/entries/commit.ts';
import type { EntryParts } from '#server/entries/parts.ts';
import { REF_BYTES, readEntryRefs } from '#server/entries/refs.ts';
import { commitRequest, type MadeSegment, someSegments } from '../made-segments.ts';
import { archiveBytes, codeOf, instead, lookup, objects, openEntries, ROOT, save } from './open-entries.ts';

const KEY = 'npm/shop/a';

async function manifestBytes(parts: EntryParts): Promise<Buffer> {
  const [object = ''] = (await objects(parts, 'entries/')).filter((name) => name.endsWith('.json'));
  const found = await parts.store.get(object);
  if (found === undefined || found === 'changed') throw new Error('no manifest');
  return found.bytes;
}

function opening(roots = [ROOT]) {
  return { kind: 'npm', name: 'shop', key: KEY, roots };
}

test('segments, the commit’s own list, manifest, the list beside it, index are written in this order', async (t) => {
  const order: string[] = [];
  const note = (what: string) => {
    if (order.at(-1) !== what) order.push(what);
  };
  const { entries } = await openEntries(t, {
    change: (parts) => {
      const store = instead(parts.store, {
        put: (...given: Parameters<typeof parts.store.put>) => {
          const [name, , options] = given;
          if (name.startsWith('entries/'))
            note(`${name.split('.').at(-1)}${options?.durable ? ', synced' : ''}`);
          else note(name.split('/')[0] ?? '');
          return parts.store.put(...given);
        },
      });
      const index = instead(parts.index, {
        put: (...given: Parameters<typeof parts.index.put>) => {
          note('index');
          return parts.index.put(...given);
        },
      });
      return { ...parts, store, index };
    },
  });
  const detail = Buffer.from('["react","19.0.0"]\n');
  await entries.putDetail(localGrant, sha256(detail), detail);
  order.length = 0;
  const inputs = [{ name: 'lockfile', digest: sha256(detail), detail: true as const }];
  await save(entries, KEY, someSegments(3), { request: { inputs } });
  t.same(order, ['uploads', 'segments', 'uploads', 'json, synced', 'refs', 'uses', 'index']);
});

test('the list beside an entry is bound to its manifest and has its identities; those of a save stand before "have it"', async (t) => {
  const { entries, parts } = await openEntries(t);
  const segments = someSegments(3);
  const identities = segments.map(({ identity }) => identity).sort();
  await save(entries, KEY, [...segments, ...segments.slice(0, 1)]);
  const lists = (await objects(parts, '')).filter((name) => name.endsWith('.refs'));
  t.same(
    lists.map((name) => name.split('/')[0]),
    ['entries', 'uploads', 'uploads'],
  );
  const [manifest = ''] = (await objects(parts, 'entries/')).filter((name) => name.endsWith('.json'));
  const etag = (await parts.store.head(manifest))?.etag ?? '';
  for (const name of lists) {
    const found = await parts.store.get(name);
    if (found === undefined || found === 'changed') throw new Error('no list');
    const refs = name.startsWith('entries/') ? readEntryRefs(found.bytes, etag) : found.bytes;
    t.equal(refs?.toString('hex'), identities.join(''), name);
    if (name.startsWith('entries/'))
      t.equal(readEntryRefs(found.bytes, 'another'), undefined, 'it is believed of no other version');
  }
});

test('S7: the same content again is the same entry, also when the answer of the first commit was lost', async (t) => {
  const { entries, parts } = await openEntries(t);
  const segments = someSegments(2);
  const { save: id } = await entries.openSave(localGrant, opening());
  for (const { stored } of segments) await entries.admit(localGrant, Buffer.from(stored));
  const request = commitRequest({ [ROOT]: segments });
  const first = await entries.commit(localGrant, id, request);
  const bytes = await manifestBytes(parts);
  const second = await entries.commit(localGrant, id, {
    ...request,
    timings: { command: 99 },
    writer: { program: 'other', version: '2' },
  });
  t.equal(first.outcome, 'committed');
  t.equal(second.outcome, 'same');
  t.equal(second.entry, first.entry);
  t.same(await manifestBytes(parts), bytes);
});

test('S7: other content is refused with the winner, whose bytes do not change', async (t) => {
  const { entries, parts } = await openEntries(t);
  const first = await save(entries, KEY, someSegments(2, 'first'));
  const bytes = await manifestBytes(parts);
  const error = await save(entries, KEY, someSegments(2, 'second')).catch((thrown: unknown) => thrown);
  t.ok(error instanceof CommitConflictError);
  t.equal((error as CommitConflictError).code, 'ENTRY_EXISTS');
  t.equal((error as CommitConflictError).winner.entry, first.entry);
  t.same(await manifestBytes(parts), bytes);
  t.equal((await lookup(entries, [KEY])).entry?.id, first.entry);
});

test('other inputs are other content, another clock and writer are not', async (t) => {
  const { entries } = await openEntries(t);
  const inputs = [{ name: 'node', digest: 'a'.repeat(64) }];
  await save(entries, KEY, someSegments(1), { request: { inputs } });
  t.equal((await save(entries, KEY, someSegments(1), { request: { inputs, timings: {} } })).outcome, 'same');
  const others = [{ name: 'node', digest: 'b'.repeat(64) }];
  t.equal(await codeOf(save(entries, KEY, someSegments(1), { request: { inputs: others } })), 'ENTRY_EXISTS');
});

test('a save that replaces takes the place in one step, and the old entry is known no more', async (t) => {
  const { entries, parts } = await openEntries(t);
  const old = await save(entries, KEY, someSegments(2, 'old'));
  t.equal((await lookup(entries, [KEY])).entry?.id, old.entry);
  const next = await save(entries, KEY, someSegments(2, 'next'), { replace: true });
  t.equal(next.outcome, 'committed');
  t.equal((await lookup(entries, [KEY])).entry?.id, next.entry);
  t.equal(await codeOf(entries.entry(localGrant, old.entry)), 'ENTRY_MISSING');
  t.equal((await entries.list(localGrant, { limit: 10 })).length, 1);
  const refs = (await objects(parts, 'entries/')).filter((name) => name.endsWith('.refs'));
  const found = await parts.store.get(refs[0] ?? '');
  t.equal(
    found === undefined || found === 'changed' ? 0 : found.bytes.length,
    (1 + 2) * REF_BYTES,
    'only what it relies on',
  );
});

test('fifty saves of one key at once: one manifest wins, all get a defined answer', async (t) => {
  const { entries, parts, told } = await openEntries(t);
  const answers = await Promise.allSettled(
    Array.from({ length: 50 }, (_, at) => save(entries, KEY, someSegments(2, at % 2 === 0 ? 'even' : 'odd'))),
  );
  const outcomes = answers.map((one) =>
    one.status === 'fulfilled' ? one.value.outcome : (one.reason as { code?: string }).code,
  );
  t.equal(outcomes.filter((one) => one === 'committed').length, 1);
  t.same([...new Set(outcomes)].sort(), ['ENTRY_EXISTS', 'committed', 'same']);
  t.equal(outcomes.filter((one) => one === 'ENTRY_EXISTS').length, 25);
  t.equal((await objects(parts, 'entries/')).length, 2, 'one manifest and its refs');
  t.equal(told.filter((line) => line.startsWith('committed')).length, 1);
  const winner = await lookup(entries, [KEY]);
  t.ok((await archiveBytes(entries, winner.entry?.id ?? '')).length > 0);
});

test('S7: on a key whose entry is not whole the new entry wins, whichever part is missing', async (t) => {
  const detail = Buffer.from('["a","1"]\n');
  const times = Buffer.alloc(16, 1);
  const request = {
    inputs: [{ name: 'lockfile', digest: sha256(detail), detail: true as const }],
    times: sha256(times),
  };
  const old = someSegments(2, 'old');
  const holes: Record<string, string> = {
    'a segment': segmentObject('local', old[1]?.identity ?? ''),
    'a detail': detailObject('local', sha256(detail)),
    'the times': detailObject('local', sha256(times)),
  };
  for (const [what, object] of Object.entries(holes)) {
    const { entries, parts, told } = await openEntries(t);
    for (const bytes of [detail, times]) await entries.putDetail(localGrant, sha256(bytes), bytes);
    await save(entries, KEY, old, { request });
    await parts.store.delete(object);
    const opened = await entries.openSave(localGrant, opening());
    t.equal(opened.exists, undefined, `${what} is missing: the save is not told that it has nothing to do`);
    const next = await save(entries, KEY, someSegments(2, 'new'));
    t.equal(next.outcome, 'committed', what);
    t.equal(told.filter((line) => line.startsWith('retired')).length, 1);
    t.equal((await lookup(entries, [KEY])).entry?.id, next.entry);
  }
});

test('a save of a key that is there and whole is told so at once', async (t) => {
  const { entries } = await openEntries(t);
  const { entry } = await save(entries, KEY, someSegments(2));
  t.equal((await entries.openSave(localGrant, opening())).exists, entry);
  t.equal((await entries.openSave(localGrant, { ...opening(), replace: true })).exists, undefined);
  t.equal((await entries.openSave(localGrant, opening(['workspace:dist']))).exists, undefined);
});

test('what a commit names and the store does not have is refused', async (t) => {
  const { entries, parts } = await openEntries(t);
  const segments = someSegments(2);
  const [first, second] = segments as [MadeSegment, MadeSegment];
  await entries.admit(localGrant, Buffer.from(first.stored));
  const commit = async (change: (request: ReturnType<typeof commitRequest>) => void, made = [first]) => {
    const { save: id } = await entries.openSave(localGrant, opening());
    const request = commitRequest({ [ROOT]: made });
    change(request);
    return codeOf(entries.commit(localGrant, id, request));
  };
  t.equal(await commit(() => {}, [first, second]), 'SEGMENT_MISSING');
  t.equal(await commit((request) => Object.assign(request, { times: 'c'.repeat(64) })), 'DETAIL_MISSING');
  const inputs = [{ name: 'lockfile', digest: 'c'.repeat(64), detail: true as const }];
  t.equal(await commit((request) => Object.assign(request, { inputs })), 'DETAIL_MISSING');
  // Sizes that add up among themselves, and are not what is stored.
  const lie = (request: ReturnType<typeof commitRequest>) => {
    for (const root of request.roots) {
      root.raw += 512;
      for (const segment of root.segments) segment.raw += 512;
    }
    request.totals.raw += 512;
  };
  t.equal(await commit(lie), 'MANIFEST_UNREADABLE');
  t.equal(
    await commit((request) => Object.assign(request.totals, { raw: request.totals.raw + 512 })),
    'MANIFEST_UNREADABLE',
  );
  t.equal(
    await commit((request) => Object.assign(request.roots[0] ?? {}, { root: 'workspace:dist' })),
    'REQUEST_INVALID',
  );
  t.same(await objects(parts, 'entries/'), [], 'nothing is visible');
  t.equal(await commit(() => {}), 'no error', 'and without these faults it is an entry');
});

test('an entry beyond the limit is refused', async (t) => {
  const { entries } = await openEntries(t, {
    change: (parts) => ({ ...parts, limits: { ...parts.limits, entryBytes: 10_000 } }),
  });
  t.equal(await codeOf(save(entries, KEY, someSegments(4))), 'ENTRY_TOO_LARGE');
  t.equal(await codeOf(save(entries, KEY, someSegments(1))), 'no error');
});

test('keys and roots of a save are looked at before anything is opened', async (t) => {
  const { entries } = await openEntries(t);
  const open = (change: object) => codeOf(entries.openSave(localGrant, { ...opening(), ...change }));
  t.equal(await open({ kind: 'maven' }), 'KEY_UNREADABLE');
  t.equal(await open({ name: 'other' }), 'KEY_UNREADABLE');
  t.equal(await open({ roots: ['abs:etc'] }), 'ROOT_FORBIDDEN');
  t.equal(await open({ roots: ['workspace:a', 'workspace:a/b'] }), 'ROOTS_NESTED');
  t.equal(await open({ roots: ['workspace:../x'] }), 'ROOT_UNREADABLE');
});

test('another server commits the key between our look and our write: it stays the winner, with its own refs', async (t) => {
  for (const content of ['same', 'other']) {
    const theirs = await openEntries(t);
    const winning = someSegments(2, 'same');
    let committed: Promise<{ entry: string }> | undefined;
    const ours = await openEntries(t, {
      folder: theirs.folder,
      change: (all) => {
        const put: typeof all.store.put = async (name, ...rest) => {
          if (name.startsWith('entries/') && name.endsWith('.json')) {
            committed ??= save(theirs.entries, KEY, winning);
            await committed;
          }
          return all.store.put(name, ...rest);
        };
        return { ...all, store: instead(all.store, { put }) };
      },
    });
    const code = await codeOf(save(ours.entries, KEY, someSegments(2, content)));
    t.equal(code, content === 'same' ? 'no error' : 'ENTRY_EXISTS');
    t.equal((await lookup(ours.entries, [KEY])).entry?.id, (await committed)?.entry);
    const [refs = ''] = (await objects(ours.parts, 'entries/')).filter((name) => name.endsWith('.refs'));
    const found = await ours.parts.store.get(refs);
    const [manifest = ''] = (await objects(ours.parts, 'entries/')).filter((name) => name.endsWith('.json'));
    const etag = (await ours.parts.store.head(manifest))?.etag ?? '';
    const listed =
      found === undefined || found === 'changed' ? '' : readEntryRefs(found.bytes, etag)?.toString('hex');
    const identities = winning.map(({ identity }) => identity);
    t.equal(listed, identities.sort().join(''));
  }
});

test('an index that cannot be told does not undo a commit; it is rebuilt', async (t) => {
  let broken = true;
  const { entries, parts, told } = await openEntries(t, {
    change: (all) => {
      const index = instead(all.index, {
        put: async (...given: Parameters<typeof all.index.put>) => {
          if (broken) throw new Error('no room');
          return all.index.put(...given);
        },
      });
      return { ...all, index };
    },
  });
  const { entry } = await save(entries, KEY, someSegments(1));
  t.match(told.join(), /failed: telling the index/);
  broken = false;
  t.equal((await lookup(entries, [KEY])).entry?.id, entry, 'the store is asked meanwhile');
  await parts.queue.idle();
  t.equal((await parts.index.byId('local', entry))?.key, KEY);
});

test('a commit whose segment is taken away while it writes does not leave an entry that is not whole', async (t) => {
  const segments = someSegments(2);
  const [lost] = segments as [MadeSegment, MadeSegment];
  const { entries, parts } = await openEntries(t, {
    change: (all) => {
      const reach: EntryParts['reach'] = (point) => {
        if (point === 'commit-checked') taking = take();
      };
      return { ...all, reach };
    },
  });
  let taking: Promise<unknown> = Promise.resolve();
  const take = async () => {
    await parts.store.delete(segmentObject('local', lost.identity));
    await entries.suspect(localGrant, lost.identity);
  };
  const store = parts.store.put.bind(parts.store);
  parts.store.put = async (name, ...rest) => {
    await taking;
    return store(name, ...rest);
  };
  t.equal(await codeOf(save(entries, KEY, segments)), 'SEGMENT_MISSING');
  t.same(await objects(parts, 'entries/'), []);
  t.equal((await lookup(entries, [KEY])).hit, 'none');
});
