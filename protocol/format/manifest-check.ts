/**
 * Reads manifests that come from outside: the store, the wire. Written out rather than run from the wire's schema, because
 * the runner does this in every command and a schema library takes longer to load than its whole budget; a test holds the
 * two equal. Beyond the shape it checks what the shape cannot say: sums, parts of large files, roots, versions.
 */
import { fault, isFault } from '../wire/errors.ts';
import { isDigest } from './digest.ts';
import { parseKey } from './key.ts';
import { FORMAT_VERSION, LIMITS } from './limits.ts';
import type { Manifest, ManifestRoot, SegmentRef, SignedManifest } from './manifest.ts';
import { checkMemberPath, isInside } from './member.ts';
import { parseRoot, type Root, refuseNestedRoots } from './root.ts';
import { BLOCK, paddedSize } from './tar-header.ts';

/** The oldest version that is read: the one before the one that is written. */
const OLDEST_VERSION = Math.max(1, FORMAT_VERSION - 1);

/**
 * Reads the stored form. Throws `MANIFEST_UNREADABLE`, or `FORMAT_TOO_NEW` for a later version, which is a miss and never
 * corruption. The signature is for verifyManifest.
 */
export function parseSignedManifest(bytes: Uint8Array): SignedManifest {
  if (bytes.length > LIMITS.manifestBytes)
    throw unreadable('?', `it has more than ${LIMITS.manifestBytes} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw fault('MANIFEST_UNREADABLE', { key: '?', why: 'it is no JSON' }, { cause });
  }
  return checkSignedManifest(value);
}

/** As {@link parseSignedManifest}, for what is parsed already. Returns the value itself. */
export function checkSignedManifest(value: unknown): SignedManifest {
  const { manifest, signature } = asObject(value, '?', 'it');
  checkManifest(manifest);
  const key = (manifest as Manifest).key;
  const { key: id, value: text } = asObject(signature, key, 'its signature');
  requireThat(isText(id, 0, 128) && isText(text, 0, 256), key, 'its signature is malformed');
  return value as SignedManifest;
}

/** The manifest alone. Returns the value itself. Throws as {@link parseSignedManifest} does. */
export function checkManifest(value: unknown): Manifest {
  const manifest = asObject(value, '?', 'it');
  const key = typeof manifest.key === 'string' ? manifest.key : '?';
  checkVersion(manifest.format, key);
  try {
    checkShape(manifest, key);
    checkMeaning(value as Manifest);
  } catch (error) {
    if (isFault(error, 'MANIFEST_UNREADABLE') || !isFault(error)) throw error;
    throw fault('MANIFEST_UNREADABLE', { key, why: error.message }, { cause: error });
  }
  return value as Manifest;
}

/** Before anything else is looked at: a later version may have any shape. */
function checkVersion(format: unknown, key: string): void {
  requireThat(isCount(format), key, 'it has no format version');
  if (format > FORMAT_VERSION) throw fault('FORMAT_TOO_NEW', { key, version: format });
  requireThat(format >= OLDEST_VERSION, key, `its format version ${format} is no longer read`);
}

function checkShape(manifest: Record<string, unknown>, key: string): void {
  requireThat(isText(manifest.key, 1, 2048), key, 'its key is malformed');
  requireThat(
    typeof manifest.kind === 'string' && /^[a-z][a-z0-9-]{0,31}$/.test(manifest.kind),
    key,
    'its kind is malformed',
  );
  requireThat(isText(manifest.name, 1, 512), key, 'its name is malformed');
  requireThat(isText(manifest.domain, 1, 256), key, 'its domain is malformed');
  requireThat(isText(manifest.scope, 1, 1024), key, 'its scope is malformed');
  requireThat(isList(manifest.roots, 1, LIMITS.rootsPerEntry), key, 'its roots are no list');
  for (const root of manifest.roots) checkRootShape(asObject(root, key, 'a root'), key);
  requireThat(isList(manifest.inputs, 0, 10_000), key, 'its inputs are no list');
  for (const input of manifest.inputs) {
    const { name, digest, detail } = asObject(input, key, 'an input');
    requireThat(
      isText(name, 1, 1024) && isDigest(digest) && (detail === undefined || detail === true),
      key,
      'an input is malformed',
    );
  }
  requireThat(manifest.times === undefined || isDigest(manifest.times), key, 'its times are no digest');
  const platform = asObject(manifest.platform, key, 'its platform');
  const platformFits =
    isText(platform.os, 0, 64) && isText(platform.arch, 0, 64) && typeof platform.foldsCase === 'boolean';
  requireThat(
    platformFits && (platform.libc === undefined || isText(platform.libc, 0, 64)),
    key,
    'its platform is malformed',
  );
  const totals = asObject(manifest.totals, key, 'its totals');
  requireThat(
    isCount(totals.members) && isCount(totals.files) && isCount(totals.raw),
    key,
    'its totals are no counts',
  );
  const writer = asObject(manifest.writer, key, 'its writer');
  requireThat(isText(writer.program, 0, 64) && isText(writer.version, 0, 64), key, 'its writer is malformed');
  const timings = asObject(manifest.timings, key, 'its timings');
  requireThat(isSeconds(timings.command) && isSeconds(timings.save), key, 'its timings are no seconds');
  const { command } = manifest;
  const commandFits =
    command === undefined || (isList(command, 0, 256) && command.every((word) => isText(word, 0, 4096)));
  requireThat(commandFits, key, 'its command is no list of words');
  requireThat(
    isText(manifest.created, 0, 64) && !Number.isNaN(Date.parse(manifest.created)),
    key,
    'its date is malformed',
  );
}

function checkRootShape(root: Record<string, unknown>, key: string): void {
  requireThat(isText(root.root, 1, LIMITS.pathBytes), key, 'a root is malformed');
  requireThat(root.restore === 'replace' || root.restore === 'merge', key, 'a root has no restore rule');
  requireThat(root.modes === 'executable' || root.modes === 'kept', key, 'a root has no rule for modes');
  requireThat(isCount(root.members) && isCount(root.raw), key, 'a root has no counts');
  requireThat(isList(root.segments, 0, LIMITS.segmentsPerEntry), key, 'a root has no list of segments');
  for (const segment of root.segments) {
    const { identity, raw, part } = asObject(segment, key, 'a segment');
    requireThat(isDigest(identity), key, 'a segment has no identity');
    requireThat(isCount(raw) && raw >= 1 && raw <= LIMITS.segmentRaw, key, 'a segment has no size');
    if (part === undefined) continue;
    const { path, offset, size } = asObject(part, key, 'a part');
    requireThat(
      isText(path, 0, LIMITS.pathBytes) && isCount(offset) && isCount(size),
      key,
      'a part is malformed',
    );
  }
}

function checkMeaning(manifest: Manifest): void {
  const { key, roots, totals } = manifest;
  const { kind, name } = parseKey(key);
  requireThat(kind === manifest.kind && name === manifest.name, key, 'its key names another kind or name');
  const parsed = roots.map(({ root }) => parseRoot(root));
  refuseNestedRoots(parsed);
  for (const [index, root] of roots.entries()) checkRoot(root, parsed[index] as Root, key);
  const sum = (of: (root: ManifestRoot) => number) => roots.reduce((total, root) => total + of(root), 0);
  requireThat(
    sum((root) => root.segments.length) <= LIMITS.segmentsPerEntry,
    key,
    'it has too many segments',
  );
  requireThat(totals.members <= LIMITS.membersPerEntry, key, 'it has too many members');
  requireThat(totals.files <= totals.members, key, 'it has more files than members');
  requireThat(sum((root) => root.members) === totals.members, key, 'its members do not add up');
  requireThat(sum((root) => root.raw) === totals.raw, key, 'its sizes do not add up');
}

function checkRoot(root: ManifestRoot, parsed: Root, key: string): void {
  const { segments } = root;
  let raw = 0;
  for (const [index, segment] of segments.entries()) {
    requireThat(segment.raw % BLOCK === 0, key, 'a segment is no whole number of blocks');
    raw += segment.raw;
    checkPart(segment, segments[index - 1], segments[index + 1], parsed, key);
  }
  requireThat(raw === root.raw, key, `the segments of ${root.root} do not add up`);
  // Each member has a header. A root without members is one that was not there.
  requireThat(
    root.members * BLOCK <= raw && (root.members > 0 || raw === 0),
    key,
    `the members of ${root.root} do not fit its size`,
  );
}

/** Parts of a file follow its header and each other without a gap and end with the file and its padding (hardening.md D4). */
function checkPart(
  segment: SegmentRef,
  before: SegmentRef | undefined,
  after: SegmentRef | undefined,
  root: Root,
  key: string,
): void {
  const { part } = segment;
  // A file whose parts end too early shows here, at what follows them.
  const open = before?.part !== undefined && before.part.offset + before.raw < before.part.size;
  if (part === undefined) {
    requireThat(!open, key, `the parts of ${before?.part?.path} do not reach its end`);
    return;
  }
  const { path, offset, size } = part;
  if (offset === 0) {
    requireThat(
      before !== undefined && before.part === undefined,
      key,
      `the parts of ${path} follow no header`,
    );
    checkMemberPath(path);
    requireThat(isInside(path, root.path), key, `${path} lies outside its root`);
  } else {
    const previous = before?.part;
    const continues =
      previous?.path === path && previous.size === size && previous.offset + (before?.raw ?? 0) === offset;
    requireThat(continues, key, `the parts of ${path} have a gap`);
  }
  const rest = paddedSize(size - offset);
  requireThat(offset < size && segment.raw <= rest, key, `a part of ${path} reaches beyond its end`);
  requireThat(after !== undefined || segment.raw === rest, key, `the parts of ${path} do not reach its end`);
}

function asObject(value: unknown, key: string, what: string): Record<string, unknown> {
  requireThat(
    typeof value === 'object' && value !== null && !Array.isArray(value),
    key,
    `${what} is no object`,
  );
  return value as Record<string, unknown>;
}

function isText(value: unknown, min: number, max: number): value is string {
  return typeof value === 'string' && value.length >= min && value.length <= max;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isSeconds(value: unknown): boolean {
  return value === undefined || (typeof value === 'number' && value >= 0);
}

function isList(value: unknown, min: number, max: number): value is unknown[] {
  return Array.isArray(value) && value.length >= min && value.length <= max;
}

function requireThat(holds: boolean, key: string, why: string): asserts holds {
  if (!holds) throw unreadable(key, why);
}

function unreadable(key: string, why: string): Error {
  return fault('MANIFEST_UNREADABLE', { key, why });
}
