/**
 * What a job waits for its packages, and how many requests leave the machine, on its cold, warm and near runs: of each package
 * manager, in each version that the tests judge by. Every run is a fresh checkout with an empty home folder.
 */
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, delimiter, join } from 'node:path';
import { centralUrl, type MavenName, mavenHome } from '../../test/system/maven-tools.ts';
import type { Question, Row } from '../question.ts';
import { cachalot, newHome, startServer } from '../stage/cachalot.ts';
import { plainEnvironment, timed } from '../stage/command.ts';
import { type RepositoryRelay, startRepositoryRelay } from '../stage/repository-relay.ts';
import type { Stage } from '../stage/stage.ts';
import { freshPlace } from '../stage/xfs.ts';
import { type Manager, managedProject, registryOf } from '../trees/managed-project.ts';
import { mavenProject } from '../trees/maven-tree.ts';
import { copyTree } from '../trees/tree.ts';

type Phase = 'cold' | 'warm' | 'near';
const HITS: Record<Phase, string> = { cold: 'none', warm: 'exact', near: 'near' };

/** One project in two states: as it is, and with one dependency bumped. */
interface Job {
  command: readonly string[];
  /** Puts the checkout into a folder that is there. */
  checkOut(folder: string, bumped: boolean): Promise<void>;
  env(home: string): Record<string, string>;
  relay: RepositoryRelay;
}

const NPM = { first: ['npm', 'install', '--no-audit'], install: ['npm', 'ci', '--no-audit'] };
const PNPM = {
  first: ['pnpm', 'install', '--no-frozen-lockfile'],
  install: ['pnpm', 'install', '--frozen-lockfile'],
};
const YARN4 = {
  package: '@yarnpkg/cli-dist',
  version: '4.18.1',
  first: ['yarn', 'install', '--no-immutable'],
  install: ['yarn', 'install', '--immutable'],
};
const yarn4 = (linker: string) => ({
  ...YARN4,
  files: {
    '.yarnrc.yml': `nodeLinker: ${linker}\nnpmMinimalAgeGate: 0\nunsafeHttpWhitelist: ["127.0.0.1"]\n`,
    'yarn.lock': '',
  },
});

const MANAGERS: Record<string, Omit<Manager, 'offline'>> = {
  'runs-npm-10': { package: 'npm', version: '10.9.9', ...NPM },
  'runs-npm-11': { package: 'npm', version: '11.19.1', ...NPM },
  'runs-npm-12': { package: 'npm', version: '12.2.0', ...NPM },
  'runs-pnpm-10': { package: 'pnpm', version: '10.34.9', ...PNPM },
  'runs-pnpm-11': {
    package: 'pnpm',
    version: '11.28.11',
    ...PNPM,
    files: { 'pnpm-workspace.yaml': 'strictDepBuilds: false\nminimumReleaseAge: 0\n' },
  },
  'runs-yarn-1': {
    package: 'yarn',
    version: '1.22.22',
    first: ['yarn', 'install', '--non-interactive'],
    install: ['yarn', 'install', '--frozen-lockfile', '--non-interactive'],
  },
  'runs-yarn-4': yarn4('node-modules'),
  'runs-yarn-4-pnp': yarn4('pnp'),
};
const MAVENS: Record<string, MavenName> = {
  'runs-maven-3.8': 'system',
  'runs-maven-3.9': '3.9.16',
  'runs-maven-3.10': '3.10.0',
  'runs-maven-4': '4.0.0-rc-4',
};

export const RUNS: readonly Question[] = [
  ...Object.entries(MANAGERS).map(([row, manager]) => asking(row, (stage) => managerJob(stage, manager))),
  ...Object.entries(MAVENS).map(([row, name]) => asking(row, (stage) => mavenJob(stage, name))),
];

function asking(row: string, jobOf: (stage: Stage) => Promise<Job>): Question {
  return {
    rows: [row],
    async ask(stage) {
      const job = await jobOf(stage);
      const server = await startServer(stage, join(stage.folder, 'data'));
      const run = (phase: Phase) => stage.within((inner) => runOnce(inner, server.port, job, phase));
      const [cold, warm, near] = [await run('cold'), await run('warm'), await run('near')];
      return [rowOf(row, job, { cold, warm, near })];
    },
  };
}

interface Done {
  seconds: number;
  requests: number;
}

async function runOnce(stage: Stage, port: number, job: Job, phase: Phase): Promise<Done> {
  const place = await freshPlace(stage);
  const cwd = join(place, 'checkout');
  const home = join(place, 'home');
  await mkdir(cwd);
  await mkdir(home);
  await job.checkOut(cwd, phase === 'near');
  const client = { port, home: await newHome(stage), cwd, env: job.env(home) };
  const report = join(stage.folder, 'report.json');
  job.relay.taken();
  const { seconds } = await cachalot(stage, client, 'run', '--report', report, '--', ...job.command);
  const requests = job.relay.taken();
  const { hit, reason } = JSON.parse(await readFile(report, 'utf8'));
  if (hit !== HITS[phase]) throw new Error(`the ${phase} run was a hit of the kind ${hit}: ${reason}`);
  return { seconds, requests };
}

function rowOf(name: string, { command }: Job, { cold, warm, near }: Record<Phase, Done>): Row {
  const told = ({ seconds, requests }: Done) => `${seconds.toFixed(1)} s, ${requests} requests`;
  return {
    name,
    value: warm.seconds,
    unit: 's',
    better: 'lower',
    against: 'its own cold run',
    ratio: warm.seconds / cold.seconds,
    runs: 1,
    conditions: { cold: told(cold), warm: told(warm), near: told(near), command: command.join(' ') },
  };
}

async function managerJob(stage: Stage, manager: Omit<Manager, 'offline'>): Promise<Job> {
  const project = await managedProject(stage, manager);
  const relay = await startRepositoryRelay(stage, await registryOf(stage));
  const bumped = join(stage.folder, 'bumped');
  await bump(stage, { manager, project, to: bumped });
  return {
    command: manager.install,
    relay,
    async checkOut(folder, isBumped) {
      const from = isBumped ? bumped : project.checkout;
      await cp(from, folder, { recursive: true });
      // Lockfiles that say where a package came from name the real one, some managers under a name of their own.
      for (const name of await readdir(folder)) {
        const path = join(folder, name);
        if (/lock/.test(name)) await writeFile(path, resolvedAt(relay.url, await readFile(path, 'utf8')));
      }
    },
    env: (home) => project.env(home, relay.url),
  };
}

function resolvedAt(url: string, lockfile: string): string {
  return lockfile.replaceAll(/("?resolved"?:? ")https?:\/\/[^/"]+/g, `$1${url}`);
}

/** The same checkout with swr 2.5.0, and the lockfile that the manager itself writes for it. */
async function bump(
  stage: Stage,
  {
    manager,
    project,
    to,
  }: { manager: Pick<Manager, 'first'>; project: Awaited<ReturnType<typeof managedProject>>; to: string },
): Promise<void> {
  const work = join(stage.folder, 'to-bump');
  const home = join(stage.folder, 'to-bump-home');
  await cp(project.checkout, work, { recursive: true });
  // What a measurement stands on is never changed by one.
  await copyTree(stage, project.home, home);
  const path = join(work, 'package.json');
  const fields = await readFile(path, 'utf8');
  if (!fields.includes('"swr": "2.5.1"')) throw new Error('there is no swr 2.5.1 to bump');
  await writeFile(path, fields.replace('"swr": "2.5.1"', '"swr": "2.5.0"'));
  await timed(stage, manager.first, { cwd: work, env: { ...plainEnvironment(project.env(home)), CI: '' } });
  await cp(work, to, {
    recursive: true,
    filter: (from) => !/^(node_modules|\.yarn|\.pnp\..*)$/.test(basename(from)),
  });
}

async function mavenJob(stage: Stage, name: MavenName): Promise<Job> {
  const maven = await mavenHome(name);
  const relay = await startRepositoryRelay(stage, await centralUrl());
  const settings = join(stage.folder, 'settings.xml');
  const mirror = `<mirror><id>relay</id><mirrorOf>*</mirrorOf><url>${relay.url}</url></mirror>`;
  await writeFile(settings, `<settings><mirrors>${mirror}</mirrors></settings>`);
  return {
    command: ['mvn', '-B', '-q', '-s', settings, '-Dmaven.repo.local=repository', 'verify'],
    relay,
    async checkOut(folder, isBumped) {
      await cp(mavenProject, folder, { recursive: true, filter: (from) => basename(from) !== 'target' });
      if (!isBumped) return;
      const path = join(folder, 'pom.xml');
      const pom = await readFile(path, 'utf8');
      const now = '<commons-lang3.version>3.21.0<';
      if (!pom.includes(now)) throw new Error('there is no commons-lang3 3.21.0 to bump');
      await writeFile(path, pom.replace(now, '<commons-lang3.version>3.14.0<'));
    },
    env: (home) => ({ HOME: home, PATH: [join(maven, 'bin'), process.env.PATH].join(delimiter) }),
  };
}
