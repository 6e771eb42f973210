import { test } from 'tap';
import { Check } from 'typebox/value';
import { encodeInline, INLINE_TYPE } from '#protocol/wire/inline.ts';
import { LayoutSchema, LookupAnswerSchema } from '#protocol/wire/routes.ts';
import { createClient, type FoundResult } from '#runner-plugin/client/client.ts';
import { isLayout, lookupResults } from '#runner-plugin/client/lookup-check.ts';
import { IDENTITY, manifestOf } from '../made-manifest.ts';
import { manualClock } from './manual-clock.ts';
import { httpServer, json, type Teardown } from './servers.ts';
import { settingsOf } from './settings-of.ts';

const MANIFEST = manifestOf();
const LAYOUT = { segments: [{ identity: IDENTITY, length: 100, digest: IDENTITY }] };
const HIT = {
  hit: 'exact',
  entry: 'e'.repeat(32),
  manifest: MANIFEST,
  signature: { key: 'k', value: 'v' },
  layout: LAYOUT,
};
const WANT = { keys: ['generic/_/k'], roots: ['workspace:d'] };

async function lookup(t: Teardown, results: unknown[], inline?: Buffer): Promise<FoundResult[]> {
  const server = await httpServer(t, (_request, response) => {
    if (inline === undefined) json(response, { results });
    else {
      response.writeHead(200, { 'content-type': INLINE_TYPE });
      response.end(Buffer.concat(encodeInline(JSON.stringify({ results }), [inline])));
    }
  });
  const client = createClient(settingsOf(t, server.url));
  t.teardown(() => client.close());
  return client.lookup(
    results.map(() => WANT),
    { inline: 1_000 },
  );
}

test('a hit comes with its manifest and layout, and its first bytes where they came along', async (t) => {
  const { manifest, signature, ...rest } = HIT;
  const expected = { ...rest, signed: { manifest, signature } };
  t.same(await lookup(t, [HIT]), [expected]);
  const two = [
    { ...HIT, inline: { offset: 0, length: 3 } },
    { ...HIT, inline: { offset: 3, length: 4 } },
  ];
  t.same(await lookup(t, two, Buffer.from('onetwo!')), [
    { ...expected, inline: Buffer.from('one') },
    { ...expected, inline: Buffer.from('two!') },
  ]);
  t.same(await lookup(t, [{ hit: 'none', reason: 'because' }]), [{ hit: 'none', reason: 'because' }]);
});

test('a newer format is a miss with that reason, not corruption', async (t) => {
  const [found] = await lookup(t, [{ ...HIT, manifest: { format: 99 } }]);
  t.match(found, { hit: 'none', reason: /version 99/ });
});

test('a manifest whose sums do not hold is refused', async (t) => {
  const manifest = { ...MANIFEST, totals: { members: 1, files: 0, raw: 1024 } };
  await t.rejects(lookup(t, [{ ...HIT, manifest }]), { code: 'MANIFEST_UNREADABLE' });
  await t.rejects(lookup(t, [{ ...HIT, manifest: null }]), { code: 'MANIFEST_UNREADABLE' });
});

test('a hit that lacks something, and bytes that are not there, are unreadable', async (t) => {
  for (const lacking of ['entry', 'layout']) {
    await t.rejects(
      lookup(t, [{ ...HIT, [lacking]: undefined }]),
      { code: 'CLIENT_ANSWER_UNREADABLE' },
      lacking,
    );
  }
  await t.rejects(lookup(t, [{ ...HIT, inline: { offset: 2, length: 2 } }], Buffer.from('abc')), {
    code: 'CLIENT_ANSWER_UNREADABLE',
  });
});

test('more first bytes than were welcome are unreadable', async (t) => {
  await t.rejects(lookup(t, [{ hit: 'none' }], Buffer.alloc(1_001)), { code: 'CLIENT_ANSWER_UNREADABLE' });
});

test('the answer has the control budget, the first bytes behind it may flow for longer', async (t) => {
  const clock = manualClock();
  const begun = Promise.withResolvers<() => void>();
  const body = Buffer.concat(
    encodeInline(JSON.stringify({ results: [{ hit: 'none' }] }), [Buffer.alloc(500)]),
  );
  const server = await httpServer(t, (_request, response) => {
    response.writeHead(200, { 'content-type': INLINE_TYPE, 'content-length': String(body.length) });
    response.write(body.subarray(0, -100));
    begun.resolve(() => response.end(body.subarray(-100)));
  });
  const client = createClient(settingsOf(t, server.url), { clock });
  t.teardown(() => client.close());
  const found = client.lookup([WANT], { inline: 1_000 });
  const end = await begun.promise;
  // Only the time for silence is set once the JSON is there.
  while (clock.due() !== 10_000) await new Promise((resolve) => setImmediate(resolve));
  clock.pass(6_000);
  end();
  t.same(await found, [{ hit: 'none' }]);
});

test('an answer is taken as the schema says', async (t) => {
  const extent = { offset: 0, length: 1 };
  const cases: [unknown, boolean][] = [
    [{ results: [] }, true],
    [{ results: [{ hit: 'none', reason: 'why' }, HIT] }, true],
    [{ results: [{ ...HIT, inline: extent, times: extent }] }, true],
    [null, false],
    ['<html>', false],
    [[], false],
    [{}, false],
    [{ results: {} }, false],
    [{ results: [null] }, false],
    [{ results: [[]] }, false],
    [{ results: [{}] }, false],
    [{ results: [{ hit: 'maybe' }] }, false],
    [{ results: [{ ...HIT, entry: 'e' }] }, false],
    [{ results: [{ ...HIT, entry: 1 }] }, false],
    [{ results: [{ ...HIT, reason: 1 }] }, false],
    [{ results: [{ ...HIT, inline: null }] }, false],
    [{ results: [{ ...HIT, inline: { offset: 0 } }] }, false],
    [{ results: [{ ...HIT, inline: { offset: -1, length: 1 } }] }, false],
    [{ results: [{ ...HIT, times: { offset: 0, length: 0.5 } }] }, false],
  ];
  for (const [answer, holds] of cases) {
    const text = JSON.stringify(answer);
    t.equal(lookupResults(answer) !== undefined, holds, text);
    t.equal(Check(LookupAnswerSchema, answer), holds, `the schema: ${text}`);
  }
});

test('a layout is taken as the schema says', async (t) => {
  const segment = { identity: IDENTITY, length: 100, digest: IDENTITY };
  const cases: [unknown, boolean][] = [
    [{ segments: [] }, true],
    [{ segments: [segment, { ...segment, object: 'o', offset: 0, etag: 'e' }] }, true],
    [null, false],
    [[], false],
    [{}, false],
    [{ segments: {} }, false],
    [{ segments: [null] }, false],
    [{ segments: [[]] }, false],
    [{ segments: [{ ...segment, identity: 'A'.repeat(64) }] }, false],
    [{ segments: [{ ...segment, digest: undefined }] }, false],
    [{ segments: [{ ...segment, length: 0 }] }, false],
    [{ segments: [{ ...segment, length: 1.5 }] }, false],
    [{ segments: [{ ...segment, length: 2 ** 31 }] }, false],
    [{ segments: [{ ...segment, offset: -1 }] }, false],
    [{ segments: [{ ...segment, object: 1 }] }, false],
    [{ segments: [{ ...segment, etag: 'e'.repeat(257) }] }, false],
  ];
  for (const [layout, holds] of cases) {
    const text = JSON.stringify(layout);
    t.equal(isLayout(layout), holds, text);
    t.equal(Check(LayoutSchema, layout), holds, `the schema: ${text}`);
  }
});
