/**
 * Fingerprints: files and settings -> named inputs -> one key.
 *
 * The fingerprint is the sha256 over a length-framed list of `(name, digest)`; never joined by a separator, so that no
 * two lists can look alike. The list itself is stored with the entry, so that `why` can name what changed.
 */
import { hash } from 'node:crypto';
import { formatKey } from '#protocol/format/key.ts';
import type { Digest, ManifestInput, ModeRule, RestoreRule } from '#protocol/format/manifest.ts';
import type { MembersWanted } from '../archive/unpack.ts';

/** One thing that decides what the tree will be. */
export interface Input {
  /** Stable and readable: `lockfile`, `node`, `setting omit`, `pom core/pom.xml`. */
  name: string;
  digest: Digest;
  /**
   * For an input that is a set: sorted `[name, value]` lines, so that a difference can be named line by line. The digest is
   * then over exactly these. Never a value from .npmrc, settings or the environment.
   */
  detail?: [string, string][];
}

export interface Fingerprint {
  kind: string;
  name: string;
  key: string;
  inputs: Input[];
}

/** What an entry of this kind holds, and how it is packed and restored. */
export interface RootPlan {
  /** `<anchor>:<path>` */
  root: string;
  /** Its real, absolute place. */
  place: string;
  restore: RestoreRule;
  modes: ModeRule;
  /** Paths below the root that are left out, '/'-separated and relative to it; a folder stands for all below. */
  exclude?: string[];
  /**
   * Where only some files are saved (Maven's whitelist): called at save, root by root in the plan's order, returns their paths relative
   * to the root. The folders above them are added by the packer. `tell`: one note for the user.
   */
  select?: (tell: (note: string) => void) => Promise<string[]>;
  /**
   * Of a root that is merged: what of a near entry is restored; of an exact one all is, since it holds nothing else. Kinds make this and
   * `select` of one list of what is wanted, and not of each other: a save asks which of it are there in a store of many projects,
   * and may read them; a restore asks about the paths of an entry, one by one and in no time.
   */
  wants?: MembersWanted;
}

/** An input whose value may be shown: its text is hashed. */
export function valueInput(name: string, value: string): Input {
  return { name, digest: sha256(value) };
}

/** An input that is a set; lines are sorted here. */
export function setInput(name: string, lines: Iterable<[string, string]>): Input {
  const detail = [...lines].sort((a, b) =>
    a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0,
  );
  return { name, digest: sha256(detailText(detail)), detail };
}

/** The stored form of a detail: a JSON array of two strings a line. Its sha256 is the input's digest. */
export function detailText(detail: readonly [string, string][]): string {
  return detail.map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** The reverse of {@link detailText}; lines that are not of its form are left out. */
export function parseDetail(text: string): [string, string][] {
  return text.split('\n').flatMap((line): [string, string][] => {
    if (line === '') return [];
    const value: unknown = JSON.parse(line);
    return Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'string'
      ? [[value[0], value[1]]]
      : [];
  });
}

/** Puts the inputs together. `salt` (CACHALOT_SALT, --salt) is an input like any other, by digest only. */
export function fingerprintOf(kind: string, name: string, inputs: Input[], salt?: string): Fingerprint {
  const all = salt === undefined || salt === '' ? inputs : [...inputs, valueInput('salt', salt)];
  return { kind, name, key: formatKey(kind, name, digestOfInputs(kind, all)), inputs: all };
}

function digestOfInputs(kind: string, inputs: readonly Input[]): Digest {
  const framed: Buffer[] = [];
  for (const text of [kind, ...inputs.flatMap(({ name, digest }) => [name, digest])]) {
    const bytes = Buffer.from(text);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    framed.push(length, bytes);
  }
  return sha256(Buffer.concat(framed));
}

/** As they stand in a manifest. */
export function manifestInputs(inputs: readonly Input[]): ManifestInput[] {
  return inputs.map(({ name, digest, detail }) =>
    detail === undefined ? { name, digest } : { name, digest, detail: true },
  );
}

function sha256(data: string | Buffer): Digest {
  return hash('sha256', data, 'hex');
}
