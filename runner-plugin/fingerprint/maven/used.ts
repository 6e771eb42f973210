/**
 * What a build used of the local repository, so that an entry does not grow for ever with what earlier ones used.
 *
 * From 3.9 on Maven can be asked to write it down: in record mode its "trusted checksums" list every POM and jar that was
 * resolved, core extensions' too, and nothing else (tried on 3.9.16, 3.10.0 and 4.0.0-rc-4). Before, an extension of ours
 * does (spy.ts). Snapshots are not in the first list; of those that it uses Maven makes a copy without the timestamp, and such
 * copies are never restored.
 * Where the user has other plans for what is asked of Maven, it is the access times that tell: of an artifact that is used Maven
 * reads the POM, at least. One that was needed without being read is downloaded once more, and is in the successor.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { handOver, isFrom } from './hand-over.ts';
import { canSpy, spyIn } from './spy.ts';
import { filesOf, type TrackedFolder } from './tracking.ts';

const PROCESSOR = 'aether.artifactResolver.postProcessor.trustedChecksums';
const SOURCE = 'aether.trustedChecksumsSource.summaryFile';
// In use already, or a local repository that is laid out in another way than the record.
const OTHERWISE = /trustedChecksums|enhancedLocalRepository/;
const LOGGER = 'org.slf4j.simpleLogger.log.org.eclipse.aether.internal.impl.checksum';

export interface Recording {
  /** How the command is told. */
  handOver: { env?: Record<string, string>; command?: string[] };
  /** Paths relative to the repository; undefined where Maven wrote nothing. */
  read(): Promise<Set<string> | undefined>;
  close(): Promise<void>;
}

export interface RecordingOptions {
  command: readonly string[];
  version: string;
  env: Readonly<Record<string, string | undefined>>;
  /** The properties that the user defines, wherever. */
  defined: ReadonlyMap<string, string>;
  /** Whether the project has extensions of Maven's core (`.mvn/extensions.xml`). */
  coreExtensions: boolean;
  /** The local repository; absolute. */
  repository: string;
}

/** Undefined where this Maven cannot, or where the user has other plans for what is asked of it. */
export async function startRecording(options: RecordingOptions): Promise<Recording | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'cachalot-used-'));
  const recording = await recordingIn(folder, options);
  const handed = recording && handOver(recording.words, options);
  const close = () => rm(folder, { recursive: true, force: true });
  if (recording === undefined || handed === undefined) {
    await close();
    return undefined;
  }
  return { handOver: handed, read: recording.read, close };
}

async function recordingIn(
  folder: string,
  options: RecordingOptions,
): Promise<{ words: string[]; read: Recording['read'] } | undefined> {
  const { version, defined, repository, coreExtensions } = options;
  if (isFrom(version, 3, 9))
    return [...defined.keys()].some((name) => OTHERWISE.test(name)) ? undefined : checksumsIn(folder);
  // Core extensions are resolved before ours is there.
  return coreExtensions || !canSpy(version) ? undefined : spyIn(folder, { defined, repository });
}

function checksumsIn(folder: string): { words: string[]; read: Recording['read'] } {
  const words = Object.entries({
    [PROCESSOR]: 'true',
    [`${PROCESSOR}.record`]: 'true',
    [`${PROCESSOR}.checksumAlgorithms`]: 'SHA-1',
    [SOURCE]: 'true',
    [`${SOURCE}.basedir`]: folder,
    [`${SOURCE}.originAware`]: 'false',
    // It would tell how many it wrote.
    [`${LOGGER}.SummaryFileTrustedChecksumsSource`]: 'warn',
  }).map(([name, value]) => `-D${name}=${value}`);
  return {
    words,
    async read() {
      const text = await readFile(join(folder, 'checksums.sha1'), 'utf8').catch(() => undefined);
      return text === undefined
        ? undefined
        : new Set(text.split('\n').map((line) => line.slice(line.indexOf('  ') + 2)));
    },
  };
}

/** What tells which artifacts' files were used: of {@link Recording.read}, or of the reads. */
export type IsUsed = (folder: TrackedFolder, name: string) => boolean;

/** Files that the build used, of `now`; `came`: whether a file has come since the command began. */
export function usedFiles(
  now: readonly TrackedFolder[],
  came: (file: string) => boolean,
  isUsed: IsUsed,
): string[] {
  const kept = now.map((folder): TrackedFolder => {
    const artifacts = folder.artifacts.filter(
      (name) =>
        came(folder.path + name) || (isSnapshot(folder) ? isCopied(folder, name) : isUsed(folder, name)),
    );
    const beside =
      artifacts.length === 0 ? [] : folder.beside.filter((name) => !isSumOfOther(name, folder, artifacts));
    return { ...folder, artifacts, beside };
  });
  return filesOf(withoutIdleMetadata(kept, came));
}

export function byRecord(recorded: ReadonlySet<string>): IsUsed {
  return ({ path }, name) => recorded.has(path + name);
}

/** A jar may be needed without being opened, so it stays with its POM. */
export function byReads(read: ReadonlySet<string>): IsUsed {
  return ({ path, artifacts }) => artifacts.some((name) => read.has(path + name));
}

/** Whether it is the checksum of an artifact that is left out. */
function isSumOfOther(name: string, { artifacts }: TrackedFolder, kept: readonly string[]): boolean {
  const of = name.replace(/\.\w+$/, '');
  return artifacts.includes(of) && !kept.includes(of);
}

function isSnapshot({ path }: TrackedFolder): boolean {
  return path.endsWith('-SNAPSHOT/');
}

const TIMESTAMP = /-(\d{8}\.\d{6}-\d+)/;

/** Whether there is a copy of it, and it is the newest that the copy can be of. */
function isCopied({ copies, artifacts }: TrackedFolder, name: string): boolean {
  const copyOf = (file: string) => file.replace(TIMESTAMP, '-SNAPSHOT');
  const copy = copyOf(name);
  const build = (file: string) => Number(/-(\d+)$/.exec(TIMESTAMP.exec(file)?.[1] ?? '')?.[1] ?? 0);
  return (
    copies.includes(copy) && artifacts.every((other) => copyOf(other) !== copy || build(other) <= build(name))
  );
}

/** Metadata is kept where something below its folder is, or where it has just come. */
function withoutIdleMetadata(
  folders: readonly TrackedFolder[],
  came: (file: string) => boolean,
): TrackedFolder[] {
  const paths = folders.filter(({ artifacts }) => artifacts.length > 0).map(({ path }) => path);
  return folders.map((folder) =>
    paths.some((path) => path.startsWith(folder.path))
      ? folder
      : { ...folder, metadata: folder.metadata.filter((name) => came(folder.path + name)) },
  );
}
