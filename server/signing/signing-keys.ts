/**
 * Signing keys: each manifest is signed when it is committed and checked whenever it is read from the store, so that
 * who can write to the store, but not to this file, cannot make an entry (trust.md). One ed25519 key, made at the first
 * start and readable by the server's user alone.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { signingKeyId } from '#protocol/format/signing-key-id.ts';
import { fault } from '#protocol/wire/errors.ts';

export interface Signing {
  /** What new manifests are signed with. */
  current: { id: string; privateKey: KeyObject };
  /** Public keys by id: whose signatures count. */
  trusted: Map<string, KeyObject>;
}

/** As published at /.well-known/cachalot-keys.json: a JWK set (RFC 8037). */
export interface PublishedKeys {
  keys: { kty: 'OKP'; crv: 'Ed25519'; use: 'sig'; alg: 'EdDSA'; kid: string; x: string }[];
}

/**
 * Reads the key in `file` (PKCS #8, PEM), or makes one there (0600); the caller holds the data folder alone. Throws `SETTING_INVALID` for a file that holds
 * something else: a new key would make every entry untrusted, so none is made over it.
 */
export async function openSigningKeys(file: string): Promise<Signing> {
  const pem = (await readIfThere(file)) ?? (await makeKey(file));
  try {
    const privateKey = createPrivateKey(pem);
    if (privateKey.asymmetricKeyType !== 'ed25519') throw new Error('it is no ed25519 key');
    const publicKey = createPublicKey(privateKey);
    const id = signingKeyId(publicKey);
    return { current: { id, privateKey }, trusted: new Map([[id, publicKey]]) };
  } catch (cause) {
    throw fault(
      'SETTING_INVALID',
      { setting: 'signing key', value: file, why: (cause as Error).message },
      { cause },
    );
  }
}

export function publishedKeys(signing: Signing): PublishedKeys {
  const keys = [...signing.trusted].map(([kid, key]) => {
    const { x = '' } = key.export({ format: 'jwk' });
    return { kty: 'OKP', crv: 'Ed25519', use: 'sig', alg: 'EdDSA', kid, x } as const;
  });
  return { keys };
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

// Written whole and synced before it gets its name: a crash leaves no half key, and the entries of tomorrow depend on it.
async function makeKey(file: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.tmp`;
  await rm(temporary, { force: true });
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(pem);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  return pem;
}
