/**
 * Bumps: what a new version of a dependency does to a tree, without the network. Every file of a bumped package or
 * artifact changes, which is more than most releases do.
 */
import { randomFillSync } from 'node:crypto';
import { appendFile, cp, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Folders of all packages in a `node_modules`, nested ones too, in the order of their names. */
export async function packagesOf(modules: string): Promise<string[]> {
  const found = await readdir(modules, { recursive: true });
  return found
    .filter((path) => /(^|node_modules\/)(@[^/]+\/)?[^/@]+\/package\.json$/.test(path))
    .map((path) => join(modules, dirname(path)))
    .sort();
}

/** Changes every file of a package, but not those of packages below it. Answers the bytes that they have now. */
export async function bumpPackage(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules') bytes += await bumpPackage(path);
    } else if (entry.isFile()) {
      await appendFile(path, '\n');
      bytes += (await stat(path)).size;
    }
  }
  return bytes;
}

/** Folders of all versions with a jar in a Maven repository, in the order of their names. */
export async function artifactsOf(repository: string): Promise<string[]> {
  const found = await readdir(repository, { recursive: true });
  return [
    ...new Set(found.filter((path) => path.endsWith('.jar')).map((path) => join(repository, dirname(path)))),
  ].sort();
}

/**
 * Puts the next version of an artifact beside it, as a build with a bumped POM would: its jars hold other bytes (as
 * compressed ones do after a release), its POM and Maven's records name the new version. Answers its bytes.
 */
export async function bumpArtifact(folder: string): Promise<number> {
  const version = basename(folder);
  const next = `${version}.1`;
  const target = join(dirname(folder), next);
  await cp(folder, target, { recursive: true });
  let bytes = 0;
  for (const name of await readdir(target)) {
    const path = join(target, name);
    const content = await readFile(path);
    const bumped = name.endsWith('.jar')
      ? randomFillSync(content)
      : Buffer.from(content.toString('latin1').replaceAll(version, next), 'latin1');
    await writeFile(path, bumped);
    await rename(path, join(target, name.replaceAll(version, next)));
    bytes += bumped.length;
  }
  return bytes;
}
