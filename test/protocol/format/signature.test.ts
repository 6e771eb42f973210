import { generateKeyPairSync, verify } from 'node:crypto';
import { test } from 'tap';
import { canonicalBytes } from '#protocol/format/canonical-json.ts';
import type { Manifest, ManifestRoot, SegmentRef } from '#protocol/format/manifest.ts';
import {
  contentDigest,
  parseSignedManifest,
  signedManifestBytes,
  signManifest,
  verifyManifest,
} from '#protocol/format/signature.ts';
import { manifestOf } from './manifest-of.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ed25519');
const keys = new Map([['k1', publicKey]]);

test('a signature is ed25519 over the canonical bytes of the manifest', (t) => {
  const signed = signManifest(manifestOf(), { id: 'k1', privateKey });
  t.equal(signed.signature.key, 'k1');
  t.match(signed.signature.value, /^[A-Za-z0-9_-]{86}$/);
  t.ok(
    verify(null, canonicalBytes(manifestOf()), publicKey, Buffer.from(signed.signature.value, 'base64url')),
  );
  t.ok(verifyManifest(signed, keys));
  t.end();
});

test('it holds for what is stored and read back, in whatever order members come', (t) => {
  const signed = signManifest(manifestOf(), { id: 'k1', privateKey });
  t.ok(verifyManifest(parseSignedManifest(signedManifestBytes(signed)), keys));
  const reversed = Object.fromEntries(Object.entries(signed.manifest).reverse());
  t.ok(
    verifyManifest(
      parseSignedManifest(Buffer.from(JSON.stringify({ ...signed, manifest: reversed }, null, 2))),
      keys,
    ),
  );
  t.end();
});

test('S8 another manifest, another key, a flipped bit: untrusted', (t) => {
  const signed = signManifest(manifestOf(), { id: 'k1', privateKey });
  t.notOk(
    verifyManifest({ ...signed, manifest: manifestOf({ scope: 'other' }) }, keys),
    'moved to another scope',
  );
  t.notOk(
    verifyManifest({ ...signed, manifest: { ...signed.manifest, added: 1 } as Manifest }, keys),
    'a member added',
  );
  t.notOk(verifyManifest(signed, new Map()), 'an unknown key');
  t.notOk(verifyManifest(signed, new Map([['k1', other.publicKey]])), 'another key of that name');
  t.notOk(verifyManifest(signManifest(manifestOf(), { id: 'k1', privateKey: other.privateKey }), keys));
  for (const value of [
    '',
    'x',
    `${signed.signature.value}=`,
    `${signed.signature.value.slice(0, -1)}`,
    ` ${signed.signature.value}`,
  ]) {
    t.notOk(
      verifyManifest({ ...signed, signature: { key: 'k1', value } }, keys),
      'not written as a signature is',
    );
  }
  const bytes = Buffer.from(signed.signature.value, 'base64url');
  bytes[10] = (bytes[10] as number) ^ 1;
  t.notOk(verifyManifest({ ...signed, signature: { key: 'k1', value: bytes.toString('base64url') } }, keys));
  t.notOk(
    verifyManifest(signed, new Map([['k1', generateKeyPairSync('x25519').publicKey]])),
    'a key of another kind',
  );
  t.end();
});

test('the same content: equal roots, segments and inputs; not who wrote it, when and how long it took', (t) => {
  const digest = contentDigest(manifestOf());
  const { roots, inputs } = manifestOf();
  t.equal(
    contentDigest(
      manifestOf({
        created: 'x',
        writer: { program: 'y', version: 'z' },
        timings: {},
        times: 'a'.repeat(64),
        command: [],
      }),
    ),
    digest,
  );
  t.equal(contentDigest({ roots: roots.toReversed(), inputs: inputs.toReversed() }), digest, 'in any order');
  const [first, ...rest] = roots as [ManifestRoot, ...ManifestRoot[]];
  const segments = first.segments as [SegmentRef, ...SegmentRef[]];
  for (const changed of [
    { roots: rest, inputs },
    { roots: [{ ...first, root: 'workspace:other' }, ...rest], inputs },
    { roots: [{ ...first, restore: 'merge' as const }, ...rest], inputs },
    { roots: [{ ...first, modes: 'kept' as const }, ...rest], inputs },
    { roots: [{ ...first, segments: segments.slice(1) }, ...rest], inputs },
    { roots: [{ ...first, segments: segments.toReversed() }, ...rest], inputs },
    { roots, inputs: inputs.slice(1) },
    { roots, inputs: inputs.map((input) => ({ ...input, digest: 'f'.repeat(64) })) },
  ]) {
    t.not(contentDigest(changed), digest);
  }
  t.end();
});
