/**
 * The main job, from outside: each example is built cold, then warm from a clean checkout on emptied package caches, then
 * with one dependency bumped, through the program as it ships and an embedded server in a temporary place.
 *
 * `npm run demo [-- --keep]`; with --keep the temporary place stays, with the logs of every phase.
 */

import { accessSync, constants } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { checkOut, type Edit, edit } from './checkout.ts';
import { cached, type DemoServer, plain, type Run, startServer } from './program.ts';
import { formatTable, type Row } from './table.ts';

interface Example {
  name: string;
  /** The programs that it needs on PATH. */
  needs: string[];
  /** What goes through the cache. */
  command: string[];
  /** What follows, to show that what was restored is whole. */
  after?: string[];
  bump: { what: string; edits: Edit[] };
}

const EXAMPLES: Example[] = [
  {
    name: 'npm-web',
    needs: ['npm'],
    command: ['npm', 'ci', '--no-audit', '--no-fund'],
    after: ['npm', 'run', 'build'],
    bump: {
      what: 'swr 2.5.1 -> 2.5.0',
      edits: [{ file: 'package.json', from: '"swr": "2.5.1"', to: '"swr": "2.5.0"' }],
    },
  },
  {
    name: 'maven-service',
    needs: ['mvn', 'java'],
    // The repository lies in the checkout, so that each phase begins without one.
    command: ['mvn', '-B', '-ntp', '-Dmaven.repo.local=.m2/repository', 'verify'],
    bump: {
      what: 'commons-lang3 3.21.0 -> 3.22.0',
      edits: [
        { file: 'pom.xml', from: '<commons-lang3.version>3.21.0<', to: '<commons-lang3.version>3.22.0<' },
      ],
    },
  },
];

async function main(): Promise<number> {
  const keep = process.argv.includes('--keep');
  const place = await mkdtemp(join(tmpdir(), 'cachalot-demo-'));
  let server: DemoServer | undefined;
  try {
    server = await startServer(join(place, 'server'));
    const rows: Row[] = [];
    let failed = false;
    for (const example of EXAMPLES) {
      const missing = example.needs.filter((program) => !isOnPath(program));
      if (missing.length > 0) {
        console.log(`${example.name} is left out: ${missing.join(' and ')} is not on PATH.`);
        continue;
      }
      failed = !(await showExample(example, place, server.url, rows)) || failed;
    }
    console.log(`\n${formatTable(rows)}\n`);
    if (failed) console.log('A phase failed; --keep leaves the logs to look at.');
    return failed ? 1 : 0;
  } finally {
    await server?.stop();
    if (keep) console.log(`Left at ${place}`);
    else await rm(place, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function showExample(example: Example, place: string, url: string, rows: Row[]): Promise<boolean> {
  const phases: { name: string; edits: Edit[] }[] = [
    { name: 'cold', edits: [] },
    { name: 'warm', edits: [] },
    { name: `bump: ${example.bump.what}`, edits: example.bump.edits },
  ];
  for (const [number, phase] of phases.entries()) {
    const base = join(place, `${example.name}-${number}`);
    // The same path in every phase, as a runner has it, would hide a path in what was restored.
    const folder = join(base, 'checkout');
    await mkdir(base);
    await checkOut(example.name, folder);
    await edit(folder, phase.edits);
    if (phase.edits.length > 0 && example.name === 'npm-web') await relock(folder);
    const options = { folder, log: join(base, 'output.log'), env: environment(base, url) };
    console.log(`${example.name}: ${phase.name}: ${example.command.join(' ')}`);
    const run = await cached(example.command, options);
    rows.push({
      project: example.name,
      phase: phase.name,
      command: brief(example.command),
      seconds: run.seconds,
      down: run.report?.bytes.down ?? 0,
      outcome: outcomeOf(run),
    });
    if (run.status !== 0) return false;
    if (example.after !== undefined && number < 2) {
      console.log(`${example.name}: ${phase.name}: ${example.after.join(' ')}`);
      const next = await plain(example.after, options);
      rows.push({
        project: example.name,
        phase: phase.name,
        command: brief(example.after),
        seconds: next.seconds,
        down: 0,
        outcome: next.status === 0 ? 'not through the cache' : `failed with ${next.status}`,
      });
      if (next.status !== 0) return false;
    }
    // All stay until the end: ext4 takes several times as long to make files right after as many were deleted.
  }
  return true;
}

/** Writes the lockfile's entry of the bumped package as npm does, integrity and all. */
async function relock(folder: string): Promise<void> {
  const { status } = await plain(['npm', 'install', '--package-lock-only', '--no-audit', '--no-fund'], {
    folder,
    env: {},
    log: `${folder}.relock.log`,
  });
  if (status !== 0) throw new Error(`npm could not write the bumped lockfile; see ${folder}.relock.log`);
}

/** Package caches that are empty in each phase; the user's settings (mirrors, proxies) stay. */
function environment(base: string, url: string): Record<string, string> {
  return {
    CACHALOT_URL: url,
    CACHALOT_HOME: join(base, 'state'),
    npm_config_cache: join(base, 'npm-cache'),
    npm_config_userconfig: process.env.npm_config_userconfig ?? join(homedir(), '.npmrc'),
    NEXT_TELEMETRY_DISABLED: '1',
    PATH: pathWithoutOwn(),
  };
}

// npm puts this project's own node_modules/.bin first; the examples are to be built with the user's Node and npm.
function pathWithoutOwn(): string {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter(
      (folder) =>
        !folder.includes(join('node_modules', '.bin')) &&
        !folder.endsWith('node-gyp-bin') &&
        folder !== dirname(process.execPath),
    )
    .join(delimiter);
}

function outcomeOf({ report, status }: Run): string {
  if (status !== 0) return `failed with ${status}`;
  if (report === undefined) return 'no report';
  if (report.hit === 'exact')
    return report.skipped ? 'hit: the install was skipped' : 'hit: nothing to download';
  return `${report.hit === 'near' ? 'near hit' : 'miss'}: ${report.reason ?? ''}`;
}

function brief(command: readonly string[]): string {
  return command.filter((word) => !word.startsWith('-')).join(' ');
}

function isOnPath(program: string): boolean {
  return pathWithoutOwn()
    .split(delimiter)
    .some((folder) => {
      try {
        accessSync(join(folder, program), constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

process.exitCode = await main();
