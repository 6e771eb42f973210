/** The reactor: every POM that a build started here reads from the project, found through modules and local parents. */
import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fault } from '#protocol/wire/errors.ts';
import { placedName } from '../project-place.ts';
import { coordinatesOf, ga, modulesOf, type Pom } from './pom.ts';
import { child, readXml, textAt } from './xml.ts';

export interface Reactor {
  /** The folder of the POM that is built. Absolute. */
  folder: string;
  /** Where `.mvn` is, else {@link folder}: Maven's multiModuleProjectDirectory. */
  root: string;
  /** The POM that is built first; then its modules and the local parents of all, in the order in which they were found. */
  poms: Pom[];
}

// A reactor larger than this is a mistake, such as modules that lead in a circle through links.
const MOST_POMS = 5_000;

/** Reads the reactor of `file`, or of the pom.xml in `folder`; undefined where there is none. Throws POM_UNREADABLE. */
export async function readReactor(folder: string, file?: string): Promise<Reactor | undefined> {
  const start = await pomAt(resolve(folder, file ?? 'pom.xml'));
  if (start === undefined) return undefined;
  const poms = new Map<string, Pom>();
  const waiting = [start];
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    if (poms.has(path)) continue;
    const project = await readXml(path, 'POM_UNREADABLE');
    if (project === undefined) {
      // A module that is not there fails Maven too; a parent that is not there is looked for in a repository.
      continue;
    }
    if (project.name !== 'project')
      throw fault('POM_UNREADABLE', { path, why: `its root element is ${project.name}` });
    if (poms.size >= MOST_POMS)
      throw fault('POM_UNREADABLE', { path: start, why: `its reactor has more than ${MOST_POMS} projects` });
    const pom = { path, project };
    poms.set(path, pom);
    const modules = await Promise.all(modulesOf(pom).map((module) => pomAt(resolve(dirname(path), module))));
    waiting.push(...modules.filter((module) => module !== undefined));
    const parent = await localParent(pom);
    if (parent !== undefined) waiting.push(parent);
  }
  return { folder: dirname(start), root: await mavenRoot(dirname(start)), poms: [...poms.values()] };
}

/** The first POM's group and artifact, and where it lies in its repository. Throws POM_UNREADABLE. */
export async function nameOf({ poms, folder }: Reactor): Promise<string> {
  const first = poms[0];
  if (first === undefined) throw fault('POM_UNREADABLE', { path: folder, why: 'there is none' });
  return placedName(ga(coordinatesOf(first)), folder);
}

async function pomAt(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return pomAt(join(path, 'pom.xml'));
  return found?.isFile() ? path : undefined;
}

/** The parent's POM if it lies where relativePath says and is the one that is meant, as Maven checks. */
async function localParent(pom: Pom): Promise<string | undefined> {
  const parent = child(pom.project, 'parent');
  if (parent === undefined) return undefined;
  const declared = child(parent, 'relativePath');
  if (declared !== undefined && declared.text === '') return undefined;
  const path = await pomAt(resolve(dirname(pom.path), declared?.text ?? '../pom.xml'));
  if (path === undefined) return undefined;
  const project = await readXml(path, 'POM_UNREADABLE');
  if (project === undefined) return undefined;
  return ga(coordinatesOf({ path, project })) ===
    `${textAt(parent, 'groupId') ?? ''}:${textAt(parent, 'artifactId') ?? ''}`
    ? path
    : undefined;
}

async function mavenRoot(folder: string): Promise<string> {
  for (let above = folder; ; above = dirname(above)) {
    if ((await stat(join(above, '.mvn')).catch(() => undefined))?.isDirectory()) return above;
    if (above === dirname(above)) return folder;
  }
}
