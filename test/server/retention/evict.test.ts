/** Who has to go where there is too much, and who must not. */
import fc from 'fast-check';
import { test } from 'tap';
import { localGrant } from '#server/auth/grant.ts';
import { LIFETIMES } from '#server/entries/lifetimes.ts';
import { evict } from '#server/retention/evict.ts';
import { QUOTAS } from '#server/retention/retention.ts';
import { fairShare, idleness, tooMany } from '#server/retention/worth.ts';
import { lookup, save } from '../entries/open-entries.ts';
import { noise, segmentOf } from '../made-segments.ts';
import { DAY, HOUR, type OpenRetention, openRetention } from './open-retention.ts';

const NEVER = new AbortController().signal;
const KB = 1_000;
const scopeOf = (scope: string) => ({ ...localGrant, scope, reads: [scope] });

/** An entry of about so many stored bytes. */
async function saveBytes(open: OpenRetention, key: string, bytes: number, scope = 'main', seconds = 10) {
  const seed = [...`${scope}${key}`].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 7) >>> 0;
  const segment = segmentOf({ 'node_modules/x': noise(bytes, seed) });
  await save(open.entries, key, [segment], {
    grant: scopeOf(scope),
    request: { timings: { command: seconds } },
  });
}

async function there(open: OpenRetention, keys: string[], scope = 'main'): Promise<string[]> {
  const found: string[] = [];
  for (const key of keys)
    if ((await lookup(open.entries, [key], scopeOf(scope))).hit === 'exact') found.push(key);
  return found;
}

/** Looks up, and waits until that is noted. */
async function use(open: OpenRetention, key: string, scope = 'main'): Promise<void> {
  await lookup(open.entries, [key], scopeOf(scope));
  await new Promise((resolve) => setImmediate(resolve));
}

test('S9: one scope floods its quota, and the others keep their entries', async (t) => {
  const open = await openRetention(t, {
    parts: { quotas: { ...QUOTAS, scopeBytes: 50 * KB, domainBytes: 120 * KB } },
  });
  await saveBytes(open, 'npm/shop/a', 20 * KB, 'quiet');
  open.wait(DAY);
  const flood = Array.from({ length: 12 }, (_, at) => `npm/shop/${at}`);
  for (const key of flood) {
    await saveBytes(open, key, 20 * KB, 'loud');
    open.wait(HOUR);
  }
  await evict(open.retention, NEVER);
  t.same(await there(open, ['npm/shop/a'], 'quiet'), ['npm/shop/a']);
  t.same(await there(open, flood, 'loud'), flood.slice(-2), 'the newest of the flood');
});

test('where a domain has too much, its largest scopes give way, and each its idlest', async (t) => {
  const open = await openRetention(t, { parts: { quotas: { ...QUOTAS, domainBytes: 100 * KB } } });
  for (const key of ['npm/shop/a', 'npm/shop/b', 'npm/shop/c', 'npm/shop/d', 'npm/shop/e']) {
    await saveBytes(open, key, 18 * KB, 'large');
    open.wait(HOUR);
  }
  await saveBytes(open, 'npm/shop/a', 18 * KB, 'small');
  await saveBytes(open, 'npm/shop/b', 18 * KB, 'small');
  open.wait(DAY);
  await use(open, 'npm/shop/a', 'large');
  await evict(open.retention, NEVER);
  t.same((await there(open, ['npm/shop/a', 'npm/shop/b'], 'small')).length, 2);
  t.same(await there(open, ['npm/shop/a', 'npm/shop/b', 'npm/shop/c', 'npm/shop/d', 'npm/shop/e'], 'large'), [
    'npm/shop/a',
    'npm/shop/d',
    'npm/shop/e',
  ]);
});

test('S9: who is not trusted makes many scopes, and drives out neither trusted entries nor another project', async (t) => {
  const quotas = { ...QUOTAS, scopeBytes: 60 * KB, domainBytes: 130 * KB };
  const open = await openRetention(t, { parts: { quotas } });
  const [main, other] = ['shop,trusted,refs/heads/a%2Cuntrusted%2Cb', 'other,untrusted,refs/pull/1/merge'];
  for (const key of ['npm/shop/a', 'npm/shop/b']) await saveBytes(open, key, 25 * KB, main);
  await saveBytes(open, 'npm/shop/a', 25 * KB, other);
  open.wait(DAY);
  const pulls = Array.from({ length: 10 }, (_, at) => `shop,untrusted,refs/pull/${at}/merge`);
  for (const scope of pulls) {
    await saveBytes(open, 'npm/shop/a', 25 * KB, scope);
    open.wait(HOUR);
  }
  const left = async () => {
    const found: string[] = [];
    for (const scope of pulls) if ((await there(open, ['npm/shop/a'], scope)).length > 0) found.push(scope);
    return found;
  };
  await evict(open.retention, NEVER);
  t.same(await there(open, ['npm/shop/a', 'npm/shop/b'], main), ['npm/shop/a', 'npm/shop/b']);
  t.same(await there(open, ['npm/shop/a'], other), ['npm/shop/a']);
  t.same(await left(), pulls.slice(-2), 'one quota for all of them');
  // With less room the trusted ones are the last to go.
  quotas.domainBytes = 60 * KB;
  await evict(open.retention, NEVER);
  t.same(await there(open, ['npm/shop/a', 'npm/shop/b'], main), ['npm/shop/a', 'npm/shop/b']);
  t.same([...(await left()), ...(await there(open, ['npm/shop/a'], other))], []);
});

test('a look-up is a use: what is asked for stays, what nobody asks for goes with its age', async (t) => {
  const open = await openRetention(t);
  await saveBytes(open, 'npm/shop/asked', KB);
  await saveBytes(open, 'npm/shop/forgotten', KB);
  for (let days = 0; days < 31; days += 3) {
    await use(open, 'npm/shop/asked');
    open.wait(3 * DAY);
  }
  await evict(open.retention, NEVER);
  t.same(await there(open, ['npm/shop/asked', 'npm/shop/forgotten']), ['npm/shop/asked']);
  t.match(open.said.join('\n'), /evicted: .*forgotten.*nobody has asked for it in 3[0-9] days/);
  t.equal(open.bucket.names('uses/').length, 1, 'its use has gone with it');
  await open.twoCycles();
  t.equal(open.bucket.names('segments/').length, 1);
});

test('uses are noted once in a while only, also after a restart', async (t) => {
  const open = await openRetention(t);
  await saveBytes(open, 'npm/shop/a', KB);
  const [name = ''] = open.bucket.names('uses/');
  const version = () => open.bucket.objects.get(name)?.etag;
  const first = version();
  await use(open, 'npm/shop/a');
  open.wait(LIFETIMES.use - HOUR);
  await use(open, 'npm/shop/a');
  t.equal(version(), first);
  open.wait(HOUR);
  await use(open, 'npm/shop/a');
  t.not(version(), first);
});

test('seconds that an entry saves make it last longer, and no claim makes it last for ever', async (t) => {
  const one = { object: 'x', etag: '', stored: 1 };
  const idle = (seconds: number, hours: number) => idleness({ ...one, lastUse: -hours * HOUR, seconds }, 0);
  t.ok(idle(600, 20) < idle(0, 10));
  t.ok(idle(600, 50) > idle(0, 10));
  t.equal(idle(10 ** 9, 10), idle(600, 10), 'a claim is capped');
  t.equal(idle(-5, 10), idle(0, 10));
  const cheap = { ...one, object: 'cheap', lastUse: -20 * HOUR, seconds: 1 };
  const dear = { ...one, object: 'dear', lastUse: -30 * HOUR, seconds: 900 };
  t.same(tooMany([cheap, dear], 1, 0), [cheap]);
  t.same(tooMany([cheap, dear], 2, 0), []);
});

test('a fair share takes from the largest, and nothing from whoever has no more than an equal part', (t) => {
  const sizes = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 5_000 }), (all, bytes) => {
      const share = fairShare(all, bytes);
      const kept = all.map((size) => Math.min(size, share));
      const total = kept.reduce((sum, size) => sum + size, 0);
      const whole = all.reduce((sum, size) => sum + size, 0);
      return (
        total <= bytes + 1e-6 &&
        Math.abs(total - Math.min(whole, bytes)) < 1e-6 &&
        all.every((size) => size > bytes / all.length || Math.min(size, share) === size)
      );
    }),
  );
  t.end();
});

test('an entry whose use was never noted is measured by its manifest', async (t) => {
  const open = await openRetention(t, { parts: { quotas: { ...QUOTAS, scopeBytes: 30 * KB } } });
  await saveBytes(open, 'npm/shop/a', 20 * KB);
  open.wait(HOUR);
  await saveBytes(open, 'npm/shop/b', 20 * KB);
  for (const name of open.bucket.names('uses/')) open.bucket.drop(name);
  await evict(open.retention, NEVER);
  t.same(await there(open, ['npm/shop/a', 'npm/shop/b']), ['npm/shop/b']);
});
