/**
 * Names in the object store (formats.md, section 4): what stands where, so that prefixes can be listed and a person can
 * read the bucket.
 *
 *     segments/<domain>/<2 hex>/<identity>       details/<domain>/<digest>     (times too)
 *     entries/<domain>/<scope>/<kind>/<name>/<rest>@<16 hex of the roots' digest>.json   and beside it .refs
 *     retired/<domain>/<time>/…                  quarantine/<domain>/<time>/…  uploads/<save>/<n>.refs
 *     uses/…        as entries/…: when an entry was last asked for
 *     condemned/<domain>/<segments|details>/<cycle>-<n>.refs                   retention/…
 *     auth/tokens/<id>.json                      auth/sessions/<id>.json       credentials, by their hashes
 *
 * Each part is percent-encoded printable ASCII of at most 200 bytes; a longer one is its first 150 bytes, `~` and its
 * sha256 in base64url. What people give has its own `~` escaped, so no text can be made to meet a shortened one.
 */
import { createHash } from 'node:crypto';
import { sha256OfList } from './digest.ts';
import { LIMITS } from './limits.ts';
import type { Digest } from './manifest.ts';

const KEPT_BYTES = 150;
/** `~` and 32 bytes as base64url. */
const SHORTENED_BY = 44;
// `.layout` is not written today; it is kept free, because names cannot be changed once people have entries.
const ENDINGS = /\.(json|refs|layout)$/;
/** `@`, 16 hexadecimal digits, and the longest of the endings. */
const LEAF_SUFFIX_BYTES = 1 + 16 + '.layout'.length;

export function segmentObject(domain: string, identity: Digest): string {
  return `segments/${encodePart(domain)}/${identity.slice(0, 2)}/${identity}`;
}

/** Inputs' details and packed times, by the sha256 of their bytes. */
export function detailObject(domain: string, digest: Digest): string {
  return `details/${encodePart(domain)}/${digest}`;
}

/** The digest of a set of roots, given as text: what makes entries of one key and other roots different entries. */
export function rootsDigest(roots: readonly string[]): Digest {
  return sha256OfList([...new Set(roots)].sort());
}

export interface EntryName {
  domain: string;
  scope: string;
  /** The whole key: `<kind>/<name>/<rest>`. */
  key: string;
  rootsDigest: Digest;
}

/** The manifest's object. */
export function entryObject({ domain, scope, key, rootsDigest: digest }: EntryName): string {
  const parts = key.split('/');
  const leaf = parts.pop() ?? '';
  const above = parts.map((part, index) => encodeKeyPart(part, index));
  return [
    ...scopeParts(domain, scope),
    ...above,
    `${encodePart(leaf, LEAF_SUFFIX_BYTES)}@${digest.slice(0, 16)}.json`,
  ].join('/');
}

/** The entry's identities, 32 bytes each. */
export function refsObject(entryObjectName: string): string {
  return entryObjectName.replace(/\.json$/, '.refs');
}

/** What is known of an entry's use: how old this object is says when the entry was last asked for. */
export function useObject(entryObjectName: string): string {
  return entryObjectName.replace(/^entries\//, 'uses/');
}

/** A domain as it stands in objects' names. */
export function domainPart(domain: string): string {
  return encodePart(domain);
}

/** The areas whose objects are shared by entries and deleted when no entry needs them. */
export type SharedArea = 'segments' | 'details';

/** Lists of what is condemned: `domain` as it stands in names, `cycle` the one that condemned it. */
export function condemnedObject(domain: string, area: SharedArea, cycle: number, n: number): string {
  return `condemned/${domain}/${area}/${String(cycle).padStart(9, '0')}-${String(n).padStart(6, '0')}.refs`;
}

/**
 * What to list for every entry of a scope whose key begins with `keyPrefix`. A part that ends up shortened is cut in
 * the prefix too, so a listing may hold more than was asked for: the keys in the manifests decide.
 */
export function entryPrefix({
  domain,
  scope,
  keyPrefix = '',
}: {
  domain: string;
  scope: string;
  keyPrefix?: string;
}): string {
  const parts = keyPrefix.split('/');
  const open = parts.pop() ?? '';
  const above = parts.map((part, index) => encodeKeyPart(part, index));
  const encoded = parts.length === 1 ? encodeName(open) : percentEncoded(open);
  return [
    ...scopeParts(domain, scope),
    ...above,
    encoded.slice(0, KEPT_BYTES - LEAF_SUFFIX_BYTES).replace(/%.?$/, ''),
  ].join('/');
}

/** `n` counts the lists that one save session has written. */
export function uploadRefsObject(save: string, n: number): string {
  return `uploads/${encodePart(save)}/${n}.refs`;
}

/** What records of credentials are called by, with their ids behind it. */
export const TOKENS_PREFIX = 'auth/tokens/';
export const SESSIONS_PREFIX = 'auth/sessions/';

/** Where an entry's object goes when the entry is not whole. `at`: milliseconds since 1970 by the store's clock. */
export function retiredObject(name: string, at: number): string {
  return aside('retired', name, at);
}

/** Where bytes go that are not what their name says. `at`: milliseconds since 1970 by the store's clock. */
export function quarantineObject(name: string, at: number): string {
  return aside('quarantine', name, at);
}

function aside(place: string, name: string, at: number): string {
  const [area = '', domain = '', ...rest] = name.split('/');
  const time = new Date(at).toISOString().replace(/[-:.]/g, '');
  return [place, domain, time, area, ...rest].join('/');
}

function scopeParts(domain: string, scope: string): string[] {
  return ['entries', encodePart(domain), encodePart(scope)];
}

// A key is `<kind>/<name>/<rest…>`; its name is percent-encoded already, its other parts are not.
function encodeKeyPart(part: string, index: number): string {
  // A folder may not be called as an entry's object could be: on a file system one would stand in the other's way.
  const mark = ENDINGS.test(part) ? '~' : '';
  const encoded = index === 1 ? shorten(encodeName(part), part, mark.length) : encodePart(part, mark.length);
  return `${encoded}${mark}`;
}

/** One part of a name; `reserved` bytes are left for what the caller puts behind it. */
function encodePart(part: string, reserved = 0): string {
  if (part === '') return '~';
  if (part === '.' || part === '..') return part.replaceAll('.', '%2E');
  return shorten(percentEncoded(part), part, reserved);
}

function shorten(encoded: string, part: string, reserved = 0): string {
  if (encoded.length <= LIMITS.objectPartBytes - reserved) return encoded;
  const kept = Math.min(KEPT_BYTES, LIMITS.objectPartBytes - SHORTENED_BY) - reserved;
  // Not in the middle of an escape.
  const head = encoded.slice(0, kept).replace(/%.?$/, '');
  return `${head}~${createHash('sha256').update(part).digest('base64url')}`;
}

function percentEncoded(part: string): string {
  return part.replace(/[^A-Za-z0-9._@=:-]+/gu, escapes);
}

// As percentEncoded(), for what holds escapes already.
function encodeName(name: string): string {
  return name.replace(/[^A-Za-z0-9._@=:%-]+/gu, escapes);
}

function escapes(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
    .join('');
}
