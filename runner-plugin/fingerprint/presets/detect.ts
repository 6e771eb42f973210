/**
 * A preset as a kind: the tool's download cache under a key of the files that decide what is in it. The tool checks what it
 * finds there, so what is missing is downloaded and what is too much does no harm: an entry of the same project under another
 * key helps too.
 */
import { hash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CUTS } from '#protocol/format/limits.ts';
import { formatRoot, rootOf } from '#protocol/format/root.ts';
import { fault } from '#protocol/wire/errors.ts';
import { fingerprintOf, type Input, valueInput } from '../fingerprint.ts';
import { javaHome } from '../maven/toolchain.ts';
import { systemFacts } from '../npm/system.ts';
import type { Detection, KindDetector, Plan } from '../plan.ts';
import { isThere, placedName } from '../project-place.ts';
import { PRESETS, type Preset, type Surroundings } from './table.ts';

/** Folders that hold what was built or downloaded, or another project's sources. */
const SKIPPED = new Set(['node_modules', 'vendor', 'target', 'build', 'dist', 'out', 'venv', '__pycache__']);
/** More key files than a person would look after are somebody else's. */
const MOST_KEY_FILES = 10_000;

export function presetKind(kind: string): KindDetector {
  const preset = PRESETS[kind] as Preset;
  return {
    kind,
    owns: (command) => programOf(command, preset) !== undefined,
    async detect(detection) {
      const folder = await projectAbove(detection.folder, preset);
      return folder === undefined ? [] : [await planOf(kind, preset, folder, detection)];
    },
  };
}

/** `pip` also as `python -m pip`. */
function programOf([program = '', ...args]: readonly string[], { programs }: Preset): string | undefined {
  const name = basename(program);
  const called = /^python[0-9.]*$/.test(name) && args[0] === '-m' ? (args[1] ?? '') : name;
  return programs.find((known) => known === called);
}

async function projectAbove(start: string, { marks }: Preset): Promise<string | undefined> {
  for (let folder = start; ; folder = dirname(folder)) {
    for (const mark of marks) if (await isThere(join(folder, mark))) return folder;
    // What lies above a repository is nobody's project.
    if (folder === dirname(folder) || (await isThere(join(folder, '.git')))) return undefined;
  }
}

async function planOf(kind: string, preset: Preset, folder: string, detection: Detection): Promise<Plan> {
  const { env, salt } = detection;
  const home = preset.java ? javaHome(new Map(), detection.home) : detection.home;
  const anchorOf = (place: string) => (place.startsWith(`${detection.home}/`) ? detection.home : home);
  const surroundings: Surroundings = { folder, home, env };
  const name = await placedName(await nameOf(preset, folder), folder);
  const inputs = [...(await fileInputs(preset, folder)), ...(await systemInputs())];
  const fingerprint = fingerprintOf(kind, name, inputs, salt);
  const places = preset.places(surroundings);
  return {
    fingerprint,
    folder,
    roots: places.map((place) => ({
      root: formatRoot(rootOf(place, { workspace: folder, home: anchorOf(place) })),
      place,
      restore: 'merge',
      modes: 'kept',
    })),
    cut: CUTS.default,
    keepTimes: true,
    nearKeys: [fingerprint.key.slice(0, fingerprint.key.lastIndexOf('/') + 1)],
    async refuseSave(status) {
      if (status !== undefined && status !== 0) return 'the command failed';
      for (const place of places) if (await isThere(place)) return undefined;
      return `nothing is in ${places.join(', ')}`;
    },
    notes: [],
  };
}

async function nameOf({ name }: Preset, folder: string): Promise<string> {
  if (name === undefined) return '_';
  const text = await readFile(join(folder, name.file), 'utf8').catch(() => '');
  return name.pattern.exec(text)?.[1] ?? '_';
}

async function fileInputs({ keyFiles }: Preset, folder: string): Promise<Input[]> {
  const found: string[] = [];
  await collect('');
  return Promise.all(
    found.sort().map(async (path) => ({ name: `file ${path}`, digest: await digestOf(join(folder, path)) })),
  );

  async function collect(below: string): Promise<void> {
    for (const entry of await readdir(join(folder, below), { withFileTypes: true }).catch(() => [])) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) {
        const hidden = entry.name.startsWith('.') && entry.name !== '.cargo';
        if (!hidden && !SKIPPED.has(entry.name)) await collect(path);
      } else if (keyFiles.test(path) && found.push(path) > MOST_KEY_FILES)
        throw fault('INPUT_UNREADABLE', {
          path: folder,
          why: `it holds more than ${MOST_KEY_FILES} files that its key would be made of`,
        });
    }
  }
}

/** Line ends do not count: git may write either. */
async function digestOf(path: string): Promise<string> {
  try {
    return hash('sha256', (await readFile(path, 'latin1')).replaceAll('\r\n', '\n'), 'hex');
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    throw fault('INPUT_UNREADABLE', { path, why: code }, { cause });
  }
}

/** Some of these caches hold what was compiled here. */
async function systemInputs(): Promise<Input[]> {
  const { os, libc } = await systemFacts();
  return [
    valueInput('platform', `${process.platform}-${process.arch}`),
    valueInput('os', os),
    valueInput('libc', libc ?? 'none'),
  ];
}
