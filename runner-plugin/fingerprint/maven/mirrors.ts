/**
 * Mirrors by id. Maven believes that it has a file only from the repository, or mirror, that `_remote.repositories` names:
 * under another mirror's id it asks for every single file again, as slow as a cold build. So where a restored entry differs
 * from what is wanted in its mirrors alone, the new id is written beside the old one, for files of exactly those
 * repositories that it stands for; never where the repositories themselves differ, which a cold build would notice.
 */
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import zlib from 'node:zlib';
import type { ManifestInput } from '#protocol/format/manifest.ts';
import { derivedMtime } from '#protocol/format/mtime.ts';
import { type Input, valueInput } from '../fingerprint.ts';
import { readTracking, TRACKING, type TrackedFolder } from './tracking.ts';

export interface Mirror {
  id: string;
  /** As the settings say: `*`, `external:*`, `central,corp`, `*,!corp`. */
  of: string;
  blocked: boolean;
}

/** One input a mirror, in their order, which decides between two that fit; named so that they can be read back. */
export function mirrorInputs(mirrors: readonly Mirror[]): Input[] {
  return mirrors.map(({ id, of, blocked }, i) =>
    valueInput(
      `mirror ${i + 1}: ${cut(id)} of ${cut(of)}${blocked ? ' (blocked)' : ''}`,
      JSON.stringify([id, of, blocked]),
    ),
  );
}

// A manifest's names have an end; one that is cut is not read back as what it was, and then nothing is appended.
function cut(text: string): string {
  return text.slice(0, 200);
}

const MIRROR_INPUT = /^mirror \d+: (.*?) of (.*?)( \(blocked\))?$/s;

function mirrorsIn(inputs: readonly Pick<ManifestInput, 'name'>[]): Mirror[] {
  return inputs.flatMap(({ name }) => {
    const match = MIRROR_INPUT.exec(name);
    return match === null
      ? []
      : [{ id: match[1] ?? '', of: match[2] ?? '', blocked: match[3] !== undefined }];
  });
}

/** Whether mirrors are all that differs. */
export function differInMirrorsAlone(before: readonly ManifestInput[], now: readonly Input[]): boolean {
  const rest = (inputs: readonly { name: string; digest: string }[]) =>
    inputs
      .filter(({ name }) => !MIRROR_INPUT.test(name))
      .map(({ name, digest }) => `${name}\0${digest}`)
      .sort()
      .join('\0');
  return rest(before) === rest(now);
}

/**
 * The id under which Maven now looks for what it had from `id`; undefined where that cannot be told for sure. `before` and
 * `now`: the mirrors that held and that hold.
 */
export function idNow(id: string, before: readonly Mirror[], now: readonly Mirror[]): string | undefined {
  const was = before.find((mirror) => mirror.id === id);
  if (was !== undefined) {
    // Which repositories it stood for depends on those before it too: so only where none but ids have changed.
    const sameForms =
      before.length === now.length && before.every((mirror, i) => formOf(mirror) === formOf(now[i]));
    return sameForms ? now[before.indexOf(was)]?.id : undefined;
  }
  for (const mirror of now) {
    const fits = standsFor(mirror.of, id);
    if (fits === undefined) return undefined;
    if (fits) return mirror.blocked ? undefined : mirror.id;
  }
  return id;
}

function formOf(mirror: Mirror | undefined): string {
  return mirror === undefined ? '' : `${mirror.of}\0${mirror.blocked}`;
}

/** As Maven matches them: an exclusion or the very id decides. Undefined where the repository's URL would have to be known. */
function standsFor(of: string, id: string): boolean | undefined {
  const parts = of.split(',').map((part) => part.trim());
  if (parts.includes(`!${id}`)) return false;
  if (parts.includes(id)) return true;
  if (parts.includes('*')) return true;
  // Central is on the net and has a certificate; of others it is not known here.
  if (parts.includes('external:*')) return id === 'central' ? true : undefined;
  if (parts.some((part) => part.startsWith('external:http'))) return id === 'central' ? false : undefined;
  return false;
}

/** Appends the ids that hold now to what was restored, and to nothing that stood there before. Returns how many files have one more. */
export async function followMirrors(
  repository: string,
  folders: readonly TrackedFolder[],
  before: readonly ManifestInput[],
  now: readonly Mirror[],
): Promise<number> {
  const were = mirrorsIn(before);
  let appended = 0;
  for (const { path, artifacts } of folders) {
    if (artifacts.length === 0) continue;
    const place = join(repository, path, TRACKING);
    if (!(await isRestored(place))) continue;
    const lines = await readTracking(place);
    const known = new Set(lines.map(({ file, id }) => `${file}>${id}=`));
    const added = new Set(
      lines.flatMap(({ file, id }) => {
        const to = id === '' ? undefined : idNow(id, were, now);
        const line = `${file}>${to}=`;
        // Java's properties would have to be escaped for others; no artifact is called so.
        return to === undefined || known.has(line) || /[\s:\\#!]/.test(line) ? [] : [line];
      }),
    );
    if (added.size === 0) continue;
    const text = await readFile(place, 'utf8');
    const fresh = `${place}.cachalot`;
    await writeFile(fresh, `${text.replace(/\n?$/, '\n')}${[...added].map((line) => `${line}\n`).join('')}`);
    await rename(fresh, place);
    appended += added.size;
  }
  return appended;
}

/** A restored file's time is made of its content; what Maven has written since has another. */
async function isRestored(place: string): Promise<boolean> {
  const [bytes, { mtimeMs }] = await Promise.all([readFile(place), stat(place)]);
  return Math.round(mtimeMs / 1000) === derivedMtime(zlib.crc32(bytes));
}
