/** S8, the runner's part: who is pinned to a signing key takes nobody's word but that key's. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'tap';
import { signManifest } from '#protocol/format/signature.ts';
import { signingKeyId } from '#protocol/format/signing-key-id.ts';
import { createClient } from '#runner-plugin/client/client.ts';
import { pinnedKeys } from '#runner-plugin/client/pinned-keys.ts';
import { manifestOf } from '../made-manifest.ts';
import { httpServer, json, type Teardown } from './servers.ts';
import { settingsOf } from './settings-of.ts';

const MANIFEST = manifestOf();

function makeKey(): { id: string; publicKey: KeyObject; privateKey: KeyObject } {
  const pair = generateKeyPairSync('ed25519');
  return { id: signingKeyId(pair.publicKey), ...pair };
}

const jwk = ({ id, publicKey }: { id: string; publicKey: KeyObject }) => ({
  ...publicKey.export({ format: 'jwk' }),
  kid: id,
});

async function lookup(
  t: Teardown,
  trust: string,
  published: unknown,
  signer: ReturnType<typeof makeKey>,
  served = MANIFEST,
) {
  const { signature } = signManifest(MANIFEST, signer);
  const hit = { hit: 'exact', entry: 'e'.repeat(32), manifest: served, signature, layout: { segments: [] } };
  const server = await httpServer(t, (request, response) =>
    json(response, request.url === '/.well-known/cachalot-keys.json' ? published : { results: [hit] }),
  );
  const client = createClient(settingsOf(t, server.url, trust === '' ? {} : { CACHALOT_TRUST: trust }));
  t.teardown(() => client.close());
  const [found] = await client.lookup([{ keys: ['generic/_/k'], roots: ['workspace:d'] }]);
  return { found, pinned: client.pinned, requests: server.requests };
}

test('a manifest that a pinned key signed is taken', async (t) => {
  const key = makeKey();
  const { found, pinned } = await lookup(t, `${'0'.repeat(32)}, ${key.id}`, { keys: [jwk(key)] }, key);
  t.equal(found?.hit, 'exact');
  t.equal(pinned, true, 'and content is then held against it');
});

test('one that another key signed is refused, though the server publishes that key', async (t) => {
  const [key, other] = [makeKey(), makeKey()];
  await t.rejects(lookup(t, key.id, { keys: [jwk(key), jwk(other)] }, other), { code: 'MANIFEST_UNTRUSTED' });
});

test('a key that calls itself by a pinned name is not that key', async (t) => {
  const [key, other] = [makeKey(), makeKey()];
  const published = { keys: [{ ...jwk(other), kid: key.id }] };
  await t.rejects(lookup(t, key.id, published, { ...other, id: key.id }), { code: 'MANIFEST_UNTRUSTED' });
});

test('a manifest that was changed after it was signed is refused', async (t) => {
  const key = makeKey();
  const changed = { ...MANIFEST, created: '2026-11-21T00:00:00Z' };
  await t.rejects(lookup(t, key.id, { keys: [jwk(key)] }, key, changed), { code: 'MANIFEST_UNTRUSTED' });
});

test('who is not pinned asks for no keys', async (t) => {
  const key = makeKey();
  const { found, pinned, requests } = await lookup(t, '', { keys: [] }, key);
  t.equal(found?.hit, 'exact');
  t.equal(pinned, false);
  t.same(requests, ['POST /api/v1/lookup']);
});

test('what is published and is no key is left out', async (t) => {
  for (const published of [null, [], {}, { keys: 1 }, { keys: [null, 1, {}, { x: 1 }, { x: 'short' }] }]) {
    t.equal(pinnedKeys(published, new Set(['0'.repeat(32)])).size, 0, JSON.stringify(published));
  }
});

test('a pin that is none is refused rather than passed over', async (t) => {
  for (const trust of ['yes', ',', 'A'.repeat(32), `${'0'.repeat(32)};${'1'.repeat(32)}`]) {
    t.throws(() => settingsOf(t, undefined, { CACHALOT_TRUST: trust }), {
      code: 'SETTING_INVALID',
      message: /CACHALOT_TRUST/,
    });
  }
});
