/**
 * What every index must do (server/index/entry-index.ts). Call {@link indexConformance} with a factory of fresh, empty indexes.
 */
import fc from 'fast-check';
import { type Test, test } from 'tap';
import { rootsDigest } from '#protocol/format/object-name.ts';
import type { EntryIndex, EntryRow, FindQuery } from '#server/index/entry-index.ts';
import { entryRow, segmentRow } from './index-rows.ts';

/** A fresh, empty index; `t.teardown` closes and removes it. */
export type OpenIndex = (t: Test) => Promise<EntryIndex>;

const inMain = (match: FindQuery['match']): FindQuery => ({ domain: 'local', scopes: ['main'], match });

async function idOf(index: EntryIndex, query: FindQuery): Promise<string | undefined> {
  return (await index.find(query))?.id;
}

/** The rule of `find`, in the plainest form. */
function findAmong(rows: EntryRow[], query: FindQuery): EntryRow | undefined {
  for (const scope of query.scopes) {
    const fitting = rows.filter(
      (row) =>
        row.domain === query.domain &&
        row.scope === scope &&
        (query.rootsDigest === undefined || row.rootsDigest === query.rootsDigest) &&
        ('exact' in query.match ? row.key === query.match.exact : row.key.startsWith(query.match.prefix)),
    );
    const [newest] = fitting.sort((a, b) => b.created - a.created || (a.id < b.id ? 1 : -1));
    if (newest !== undefined) return newest;
  }
  return undefined;
}

export function indexConformance(what: string, open: OpenIndex): void {
  test(`${what}: a row comes back as it was put`, async (t) => {
    const index = await open(t);
    const row = entryRow({
      id: 'abc',
      domain: 'github:4711',
      scope: 'refs/heads/größe, "%_*"',
      key: 'maven/com.example:app/0011',
      roots: ['home:.m2/repository', 'workspace:target\n'],
      raw: 100 * 2 ** 30,
    });
    await index.put(row);
    t.same(await index.byId(row.domain, row.id), row);
    t.same(await index.find({ domain: row.domain, scopes: [row.scope], match: { exact: row.key } }), row);
    t.equal(await index.byId('local', row.id), undefined, 'in its domain only');
  });

  test(`${what}: a row of the same id takes the old one's place`, async (t) => {
    const index = await open(t);
    await index.put(entryRow({ id: 'a', key: 'npm/web/1' }));
    await index.put(entryRow({ id: 'a', key: 'npm/web/2' }));
    t.equal(await idOf(index, inMain({ exact: 'npm/web/1' })), undefined);
    t.equal(await idOf(index, inMain({ exact: 'npm/web/2' })), 'a');
    t.equal((await index.totals('local')).entries, 1);
  });

  test(`${what}: a row that was removed is not found`, async (t) => {
    const index = await open(t);
    await index.put(entryRow({ id: 'a' }));
    await index.put(entryRow({ id: 'a', domain: 'other' }));
    await index.remove('local', 'a');
    await index.remove('local', 'never there');
    t.equal(await index.byId('local', 'a'), undefined);
    t.equal(await idOf(index, inMain({ prefix: 'npm/' })), undefined);
    t.same(await index.list({ domain: 'local', scopes: ['main'], limit: 10 }), []);
    t.equal((await index.byId('other', 'a'))?.id, 'a');
  });

  test(`${what}: of several that fit, the newest is found; of equal age, the greater id`, async (t) => {
    const index = await open(t);
    await index.put(entryRow({ id: 'old', key: 'npm/web/k', created: 1, roots: ['workspace:a'] }));
    await index.put(entryRow({ id: 'new', key: 'npm/web/k', created: 3, roots: ['workspace:b'] }));
    await index.put(entryRow({ id: 'mid', key: 'npm/web/k', created: 2, roots: ['workspace:c'] }));
    t.equal(await idOf(index, inMain({ exact: 'npm/web/k' })), 'new');
    t.equal(await idOf(index, inMain({ prefix: 'npm/web' })), 'new');
    await index.put(entryRow({ id: 'newer', key: 'npm/web/k', created: 3, roots: ['workspace:d'] }));
    t.equal(await idOf(index, inMain({ exact: 'npm/web/k' })), 'newer');
    t.equal(await idOf(index, inMain({ prefix: '' })), 'newer');
  });

  test(`${what}: entries with other roots are other entries`, async (t) => {
    const index = await open(t);
    const [one, two] = [['workspace:one'], ['workspace:two']];
    await index.put(entryRow({ id: 'a', key: 'npm/web/k', roots: one, created: 1 }));
    await index.put(entryRow({ id: 'b', key: 'npm/web/k', roots: two, created: 2 }));
    for (const match of [{ exact: 'npm/web/k' }, { prefix: 'npm/w' }]) {
      t.equal(await idOf(index, { ...inMain(match), rootsDigest: rootsDigest(one) }), 'a');
      t.equal(await idOf(index, { ...inMain(match), rootsDigest: rootsDigest(two) }), 'b');
      t.equal(await idOf(index, { ...inMain(match), rootsDigest: rootsDigest([...one, ...two]) }), undefined);
    }
  });

  test(`${what}: an earlier scope wins over a newer entry in a later one`, async (t) => {
    const index = await open(t);
    await index.put(entryRow({ id: 'own', scope: 'own', key: 'npm/web/k', created: 1 }));
    await index.put(entryRow({ id: 'base', scope: 'base', key: 'npm/web/k', created: 2 }));
    for (const match of [{ exact: 'npm/web/k' }, { prefix: 'npm/' }]) {
      t.equal(await idOf(index, { domain: 'local', scopes: ['own', 'base'], match }), 'own');
      t.equal(await idOf(index, { domain: 'local', scopes: ['none', 'base', 'own'], match }), 'base');
      t.equal(await idOf(index, { domain: 'local', scopes: [], match }), undefined);
      t.equal(await idOf(index, { domain: 'other', scopes: ['own', 'base'], match }), undefined);
    }
  });

  test(`${what}: S6: a scope, or a domain, that begins with another's name is another one`, async (t) => {
    const index = await open(t);
    await index.put(entryRow({ id: 'a', scope: 'main-2', key: 'npm/web/k' }));
    await index.put(entryRow({ id: 'b', domain: 'local2', scope: 'main', key: 'npm/web/k' }));
    for (const match of [{ exact: 'npm/web/k' }, { prefix: 'npm/web/' }, { prefix: '' }])
      t.equal(await idOf(index, inMain(match)), undefined);
    t.same(await index.list({ domain: 'local', scopes: ['main'], limit: 10 }), []);
  });

  test(`${what}: prefixes match as text; %, _ and * are ordinary characters`, async (t) => {
    const index = await open(t);
    const keys = [
      'generic/_/a%b',
      'generic/_/axb',
      'generic/_/a_b',
      'generic/_/a*b',
      'generic/_/A%b',
      'generic/_/a',
      'generic/_/ä',
      'generic/_/\u{10ffff}x',
      'generic/_/😀',
    ];
    for (const key of keys) await index.put(entryRow({ id: key, key }));
    const begins: Record<string, string> = {
      'generic/_/a%': 'generic/_/a%b',
      'generic/_/a_': 'generic/_/a_b',
      'generic/_/a*': 'generic/_/a*b',
      'generic/_/A': 'generic/_/A%b',
      'generic/_/ä': 'generic/_/ä',
      'generic/_/\u{10ffff}': 'generic/_/\u{10ffff}x',
      'generic/_/😀': 'generic/_/😀',
    };
    for (const [prefix, id] of Object.entries(begins))
      t.equal(await idOf(index, inMain({ prefix })), id, prefix);
    t.equal(await idOf(index, inMain({ prefix: 'generic/_/a%bc' })), undefined);
    t.equal(
      (await index.list({ domain: 'local', scopes: ['main'], prefix: 'generic/_/a', limit: 100 })).length,
      5,
    );
  });

  test(`${what}: finds what the plainest form of the rule finds`, async (t) => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', '/', '%', '_', 'é', '\uffff', '😀', '\u{10ffff}'),
      maxLength: 4,
    });
    const row = fc.record({
      scope: fc.constantFrom('s1', 's2'),
      key: text,
      created: fc.nat(3),
      root: fc.constantFrom('a', 'b'),
    });
    const query = fc.record({
      scopes: fc.uniqueArray(fc.constantFrom('s1', 's2', 's3')),
      text,
      exact: fc.boolean(),
      root: fc.option(fc.constantFrom('a', 'b')),
    });
    const index = await open(t);
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 12 }),
        fc.array(query, { minLength: 1, maxLength: 5 }),
        async (rows, queries) => {
          round += 1;
          const domain = `domain ${round}`;
          const all = rows.map(({ scope, key, created, root }, n) =>
            entryRow({ id: `${n}`, domain, scope, key, created, roots: [`workspace:${root}`] }),
          );
          for (const each of all) await index.put(each);
          for (const { scopes, text: wanted, exact, root } of queries) {
            const asked: FindQuery = {
              domain,
              scopes,
              match: exact ? { exact: wanted } : { prefix: wanted },
            };
            if (root !== null) asked.rootsDigest = rootsDigest([`workspace:${root}`]);
            t.strictSame((await index.find(asked))?.id, findAmong(all, asked)?.id);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test(`${what}: a prefix is found whether few or very many keys have it, new or old`, async (t) => {
    const index = await open(t);
    const rows = Array.from({ length: 6000 }, (_, n) => {
      const name = n < 3000 ? 'wide' : n < 3010 ? 'narrow' : 'recent';
      return entryRow({ id: `${n}`, key: `npm/${name}/${(n * 7919) % 6000}`, created: n });
    });
    for (let at = 0; at < rows.length; at += 200)
      await Promise.all(rows.slice(at, at + 200).map((row) => index.put(row)));
    t.equal(await idOf(index, inMain({ prefix: 'npm/wide/' })), '2999');
    t.equal(await idOf(index, inMain({ prefix: 'npm/narrow/' })), '3009');
    t.equal(await idOf(index, inMain({ prefix: 'npm/recent/' })), '5999');
    t.equal(await idOf(index, inMain({ prefix: 'npm/none/' })), undefined);
    t.equal(await idOf(index, inMain({ prefix: 'npm' })), '5999');
  });

  test(`${what}: list gives the newest first, of all the scopes, up to the limit`, async (t) => {
    const index = await open(t);
    for (let n = 0; n < 30; n += 1) {
      const kind = n % 3 === 0 ? 'maven' : 'npm';
      await index.put(
        entryRow({
          id: `${100 + n}`,
          kind,
          key: `${kind}/web/${n}`,
          scope: n % 2 === 0 ? 'main' : 'other',
          created: n,
        }),
      );
    }
    const ids = async (query: Partial<Parameters<EntryIndex['list']>[0]>) =>
      (await index.list({ domain: 'local', scopes: ['main', 'other'], limit: 3, ...query })).map(
        ({ id }) => id,
      );
    t.same(await ids({}), ['129', '128', '127']);
    t.same(await ids({ scopes: ['main'] }), ['128', '126', '124']);
    t.same(await ids({ kind: 'maven' }), ['127', '124', '121']);
    t.same(await ids({ prefix: 'npm/web/1' }), ['119', '117', '116']);
    t.same(await ids({ kind: 'maven', prefix: 'npm/' }), []);
    t.equal((await ids({ limit: 1000 })).length, 30);
  });

  test(`${what}: segments are remembered by domain and identity`, async (t) => {
    const index = await open(t);
    const rows = Array.from({ length: 2500 }, (_, n) => segmentRow(n));
    await index.putSegments('local', rows);
    await index.putSegments('local', []);
    const wanted = [2499, 7, 99_999].map((n) => segmentRow(n).identity);
    const found = await index.segments('local', wanted);
    t.same(
      [...found.values()].sort((a, b) => a.raw - b.raw),
      [rows[7], rows[2499]],
    );
    t.equal(
      (
        await index.segments(
          'local',
          rows.map(({ identity }) => identity),
        )
      ).size,
      2500,
    );
    t.equal((await index.segments('local', [])).size, 0);
    t.equal((await index.segments('other', wanted)).size, 0, "S12: never another domain's");
    await index.removeSegment('local', segmentRow(7).identity);
    await index.removeSegment('local', segmentRow(99_999).identity);
    t.same([...(await index.segments('local', wanted)).keys()], [segmentRow(2499).identity]);
  });

  test(`${what}: a segment that was stored anew has its new place`, async (t) => {
    const index = await open(t);
    await index.putSegments('local', [segmentRow(1)]);
    const { etag: _, ...anew } = segmentRow(1, { length: 77, digest: 'f'.repeat(64) });
    await index.putSegments('local', [anew]);
    t.same([...(await index.segments('local', [anew.identity])).values()], [anew]);
    await index.putSegments('local', [segmentRow(1)]);
    t.same([...(await index.segments('local', [anew.identity])).values()], [segmentRow(1)]);
  });

  test(`${what}: totals are those of a domain, whatever comes, changes and goes`, async (t) => {
    const index = await open(t);
    t.same(await index.totals('local'), { entries: 0, storedBytes: 0 });
    await index.put(entryRow({ id: 'a' }));
    await index.put(entryRow({ id: 'b' }));
    await index.put(entryRow({ id: 'b', stored: 5 }));
    await index.put(entryRow({ id: 'b', domain: 'other' }));
    await index.putSegments('local', [segmentRow(1), segmentRow(2), segmentRow(2)]);
    await index.putSegments('other', [segmentRow(1)]);
    t.same(await index.totals('local'), { entries: 2, storedBytes: 203 });
    await index.putSegments('local', [segmentRow(2, { length: 1000 })]);
    await index.remove('local', 'a');
    await index.remove('local', 'a');
    t.same(await index.totals('local'), { entries: 1, storedBytes: 1101 });
    await index.removeSegment('local', segmentRow(2).identity);
    t.same(await index.totals('local'), { entries: 1, storedBytes: 101 });
    t.same(await index.totals('other'), { entries: 1, storedBytes: 101 });
  });

  test(`${what}: fault "flushed": there is no epoch until one is set, and none after everything was forgotten`, async (t) => {
    const index = await open(t);
    t.equal(await index.epoch(), undefined);
    for (const epoch of ['one', 'two']) {
      await index.beginEpoch(epoch);
      t.equal(await index.setEpoch(epoch), true);
    }
    t.equal(await index.epoch(), 'two');
    await index.put(entryRow({ id: 'a' }));
    await index.putSegments('local', [segmentRow(1)]);
    await index.clear();
    t.equal(await index.epoch(), undefined);
    t.equal(await index.byId('local', 'a'), undefined);
    t.equal((await index.segments('local', [segmentRow(1).identity])).size, 0);
    t.same(await index.totals('local'), { entries: 0, storedBytes: 0 });
    await index.put(entryRow({ id: 'a' }));
    t.equal((await index.byId('local', 'a'))?.id, 'a', 'and it can be filled again');
  });

  test(`${what}: an epoch is written by the reindex that began last, and only if nothing was missed since`, async (t) => {
    const index = await open(t);
    t.equal(await index.setEpoch('never begun'), false);
    await index.beginEpoch('overtaken');
    await index.beginEpoch('last');
    t.equal(await index.setEpoch('overtaken'), false);
    t.equal(await index.epoch(), undefined);
    t.equal(await index.setEpoch('last'), true);
    t.equal(await index.setEpoch('last'), false, 'once');
    t.equal(await index.epoch(), 'last');
    await index.beginEpoch('spoilt');
    t.equal(await index.epoch(), 'last', 'the old one counts meanwhile');
    await index.doubt();
    t.equal(await index.epoch(), undefined);
    t.equal(await index.setEpoch('spoilt'), false);
    await index.beginEpoch('cleared');
    await index.clear();
    t.equal(await index.setEpoch('cleared'), false);
    t.equal(await index.epoch(), undefined);
    await index.doubt();
  });

  test(`${what}: what comes and goes at random leaves the newest to be found`, async (t) => {
    const index = await open(t);
    const random = seeded(11);
    const there = new Map<string, EntryRow>();
    for (let step = 0; step < 3000; step += 1) {
      const id = `${random(700)}`;
      if (random(3) === 0) {
        await index.remove('local', id);
        there.delete(id);
      } else {
        const key = `npm/${'ab'[random(2)]}/${random(40)}/${random(5)}`;
        const row = entryRow({ id, key, created: random(500), roots: [`workspace:${random(2)}`] });
        await index.put(row);
        there.set(id, row);
      }
      if (step % 10 > 0) continue;
      const text = `npm/${'ab'[random(2)]}/${random(4)}`.slice(0, random(8));
      const query = inMain({ prefix: text });
      if (random(2) === 0) query.rootsDigest = rootsDigest([`workspace:${random(2)}`]);
      t.strictSame((await index.find(query))?.id, findAmong([...there.values()], query)?.id, text);
    }
    const newest = [...there.values()]
      .sort((a, b) => b.created - a.created || (a.id < b.id ? 1 : -1))
      .slice(0, 50);
    t.same(await index.list({ domain: 'local', scopes: ['main'], limit: 50 }), newest);
  });
}

/** Whole numbers below a bound, the same ones each time. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
