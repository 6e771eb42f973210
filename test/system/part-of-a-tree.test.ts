/** A command that hides how it calls its package manager may leave a part of the tree, which must not stand for all of it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { need } from '../needs.ts';
import { FIXTURES, type Files, type Manager, managedProject, needManager } from './managers.ts';
import { npmProject } from './npm-project.ts';
import { NPMS } from './npm-tools.ts';

const PACKAGE = {
  name: 'web',
  version: '1.0.0',
  private: true,
  dependencies: { left: '1.0.0' },
  devDependencies: { moving: '1.0.0' },
};

test('npm: what `npm ci --omit=dev` leaves in a script is not what `npm ci` restores', {
  timeout: 120_000,
}, async (t) => {
  if (!need(t, 'npm')) return;
  const { checkOut, install } = await npmProject(t, NPMS[1], FIXTURES, { 'package.json': PACKAGE });
  const part = await install(await checkOut('part'), {
    command: ['sh', '-c', 'npm ci --omit=dev --no-fund'],
  });
  t.match(part.stderr, /lacks node_modules\/moving/);
  const whole = await install(await checkOut('whole'));
  t.not(whole.hit, 'exact');
  t.ok(existsSync(join(whole.folder, 'node_modules/moving')));
});

const WORKSPACE: Files = {
  'package.json': { ...PACKAGE, workspaces: ['packages/*'] },
  'pnpm-workspace.yaml': 'packages:\n  - packages/*\n',
  'packages/a/package.json': { name: 'a', version: '1.0.0' },
  'packages/b/package.json': { name: 'b', version: '1.0.0', dependencies: { extra: '1.0.0' } },
  '.yarnrc.yml': 'nodeLinker: node-modules\n',
};

const ALL = process.env.CACHALOT_TEST_JUDGES === 'all';

/** In each run one of what each manager tells by itself; all of them with `npm run judge`. */
const ROWS: [Manager, lock: string[], install: string[], parts: [command: string[], why: RegExp][]][] = [
  [
    { name: 'pnpm', version: '10.34.9' },
    ['pnpm', 'install', '--lockfile-only'],
    ['pnpm', 'install', '--frozen-lockfile'],
    [
      [['pnpm', 'fetch'], /lacks left of project \./],
      [['sh', '-c', 'pnpm install --prod'], /without devDependencies/],
      [['sh', '-c', 'pnpm install --filter a'], /lacks \w+ of project/],
    ],
  ],
  [
    { name: 'yarn1', version: '1.22.22' },
    ['yarn', 'install'],
    ['yarn', 'install', '--frozen-lockfile'],
    [[['sh', '-c', 'yarn install --production'], /filled with production/]],
  ],
  [
    { name: 'yarn4', version: '4.18.1' },
    ['yarn', 'install', '--no-immutable'],
    ['yarn', 'install', '--immutable'],
    [[['yarn', 'workspaces', 'focus', 'a'], /lacks (b@workspace|extra@npm)/]],
  ],
];

for (const [manager, lock, install, all] of ALL ? ROWS : ROWS.filter(([{ name }]) => name !== 'yarn1')) {
  const parts = ALL ? all : all.slice(0, 1);
  test(`${manager.name} ${manager.version}: a part of a tree is not saved for the whole`, {
    timeout: 200_000,
  }, async (t) => {
    if (!needManager(t, manager)) return;
    const { machine, lock: locked } = await managedProject(t, manager, FIXTURES);
    await locked({ ...WORKSPACE, ...(manager.name === 'yarn4' ? { 'yarn.lock': '' } : {}) }, ...lock);
    for (const [i, [command, why]] of parts.entries()) {
      const part = await machine(`part-${i}`).cached(...command);
      t.equal(part.status, 0, part.stderr);
      t.match(part.stderr, why);
    }
    const whole = await machine('whole').cached(...install);
    t.not(whole.hit, 'exact');
    t.match(await machine('again').cached(...install), { hit: 'exact', requests: [] });
  });
}
