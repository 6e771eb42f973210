/** How many bytes does a Maven build send after three of its artifacts were bumped? */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bumpedRow } from '../compare/bumped.ts';
import { list } from '../interleave.ts';
import type { Question } from '../question.ts';
import { pick, seeded } from '../random.ts';
import { cachalot, newHome, startServer } from '../stage/cachalot.ts';
import { quoted } from '../stage/command.ts';
import { startCounter } from '../stage/counter.ts';
import { freshPlace } from '../stage/xfs.ts';
import { artifactsOf, bumpArtifact } from '../trees/bump.ts';
import { mavenProject, mavenTree } from '../trees/maven-tree.ts';
import { copyTree, sizeOf } from '../trees/tree.ts';

const BUMPED = 3;
const SEED = 3;

export const saveBumpBytesMaven: Question = {
  rows: ['save-bump-bytes-maven'],
  async ask(stage) {
    const tree = await mavenTree(stage);
    const place = await freshPlace(stage);
    const repository = join(place, 'repository');
    const checkout = join(place, 'checkout');
    await copyTree(stage, join(tree.folder, tree.root), repository);
    await cp(mavenProject, checkout, { recursive: true, filter: (path) => !path.endsWith('/target') });
    // Maven asks the user database for the home folder, so that is not where a bench can put a repository.
    await mkdir(join(checkout, '.mvn'));
    await writeFile(join(checkout, '.mvn/maven.config'), `-Dmaven.repo.local=${repository}\n`);
    const server = await startServer(stage, join(stage.folder, 'data'));
    const counter = await startCounter(stage, server.port);
    const client = { port: counter.port, home: await newHome(stage), cwd: checkout };
    // What counts is what is saved after the build, so the build itself only reads all that is there: an entry holds what was used.
    const build = ['sh', '-c', `find ${quoted(repository)} -type f -exec cat {} + > /dev/null`];
    const sentByBuild = async () => {
      counter.reset();
      await cachalot(stage, client, 'run', '--kind', 'maven', '--', ...build);
      return counter.up;
    };
    const full = await sentByBuild();
    if (full < tree.bytes / 10)
      throw new Error(`the full save sent ${full} bytes of a repository of ${tree.bytes}`);
    const artifacts = await artifactsOf(repository);
    const random = seeded(SEED);
    const sent: number[] = [];
    const changed: number[] = [];
    for (let draw = 0; draw < stage.runs(11); draw++) {
      let bytes = 0;
      for (const folder of pick(artifacts, BUMPED, random)) bytes += await bumpArtifact(folder);
      changed.push(bytes);
      await bumpPom(join(checkout, 'pom.xml'), draw);
      sent.push(await sentByBuild());
    }
    const conditions = {
      'bytes of the bumped artifacts': list(changed),
      tree: sizeOf(tree),
      bumps: `${BUMPED} of ${artifacts.length} artifacts at random a run, jars with wholly other bytes`,
    };
    return [bumpedRow('save-bump-bytes-maven', { sent, full, conditions })];
  },
};

/** Another build as Cachalot sees it: a version in the reactor's root POM changes. */
async function bumpPom(path: string, draw: number): Promise<void> {
  const text = await readFile(path, 'utf8');
  const version = `<bench.version>${draw}</bench.version>`;
  const bumped =
    draw === 0
      ? text.replace('<properties>', `<properties>${version}`)
      : text.replace(/<bench.version>.*?<\/bench.version>/, version);
  if (bumped === text) throw new Error(`${path} has no properties to bump`);
  await writeFile(path, bumped);
}
