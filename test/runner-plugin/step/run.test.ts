/** `run` against a server of ours (docs: interfaces, "run"). */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import tap, { test } from 'tap';
import { createClient } from '#runner-plugin/client/client.ts';
import { readClientSettings } from '#runner-plugin/client/settings.ts';
import type { Detection, Plan } from '#runner-plugin/fingerprint/plan.ts';
import { type RunOptions, run } from '#runner-plugin/step/run.ts';
import type { Teardown } from '../client/servers.ts';
import { kindOf } from './plans.ts';
import { type RealServer, realServer, type Stage, stage } from './stage.ts';

const INSTALL = 'mkdir -p lock-deps && cp lock lock-deps/installed';

/** One for all tests: each has a project, and so a name, of its own. */
const shared = await realServer(tap);
let projects = 0;

interface Set extends Stage {
  server: RealServer;
  /** Of the project. */
  name: string;
  run(script?: string, options?: Partial<RunOptions>): ReturnType<typeof run>;
  /** The same server, another work folder. */
  fresh(): Set;
}

/** A project of the test's own kind with two packages, and a server. */
function project(
  t: Teardown,
  change?: (plan: Plan, detection: Detection) => Partial<Plan>,
  kind = 'npm',
  server = shared,
): Set {
  const name = `project-${projects++}`;
  const open = (): Set => {
    const set = stage(t, { CACHALOT_URL: server.url });
    set.write({ lock: 'a 1.0\nb 2.0\n' });
    const context = { ...set.context, kinds: kindOf(kind, 'lock', change, name) };
    return {
      ...set,
      context,
      server,
      name,
      run: (script = INSTALL, options = {}) => run(context, { command: set.command(script), ...options }),
      fresh: open,
    };
  };
  return open();
}

/** Whether what a command left was saved; equal bytes are sent once only, so their count does not tell. */
const saved = ({ lines }: Stage) => lines.some((line) => line.includes(': saved '));
const skips = (): Partial<Plan> => ({ install: { onHit: 'skip' } });

test('an install is saved, and on another runner it is restored in place of being run', async (t) => {
  const first = project(t, skips);
  const cold = await first.run();
  t.match(cold, { status: 0, report: { hit: 'none', skipped: false, kind: 'npm', warnings: [] } });
  t.ok(saved(first));
  const second = first.fresh();
  const warm = await second.run();
  t.match(warm, {
    status: 0,
    report: { hit: 'exact', skipped: true, matchedKey: cold.report.key, warnings: [] },
  });
  t.equal(warm.report.reason, undefined);
  t.equal(second.runs(), 0);
  t.equal(second.read('lock-deps/installed'), 'a 1.0\nb 2.0\n');
  t.ok(warm.report.bytes.down > 0);
  t.equal(warm.report.bytes.up, 0);
});

test('what stood in the place of a hit is gone, also what the entry does not hold', async (t) => {
  const first = project(t, skips);
  await first.run();
  const second = first.fresh();
  second.write({ 'lock-deps/stale': 'x', 'lock-deps/installed': 'old' });
  await second.run();
  t.same(readdirSync(join(second.folder, 'lock-deps')), ['installed']);
});

test('a command that is no install runs on the restored tree, and its status is ours', async (t) => {
  const first = project(t);
  await first.run();
  const second = first.fresh();
  const { status, report } = await second.run('test -f lock-deps/installed && exit 6');
  t.equal(status, 6);
  t.match(report, { hit: 'exact', skipped: false });
});

test('an install that is not to be skipped runs after the restore, and says why', async (t) => {
  const first = project(t, () => ({ install: { onHit: 'run', why: 'it has scripts' } }));
  await first.run();
  const second = first.fresh();
  const { report } = await second.run('test -f lock-deps/installed');
  t.match(report, { hit: 'exact', skipped: false });
  t.equal(second.runs(), 1);
  t.ok(second.lines.some((line) => line.includes('not skipped: it has scripts')));
});

test('before an install that deletes the tree nothing is restored', async (t) => {
  const first = project(t, () => ({ install: { onHit: 'run', why: 'it has scripts', deletes: true } }));
  await first.run();
  const second = first.fresh();
  const { report } = await second.run('test ! -e lock-deps');
  t.match(report, { hit: 'none', reason: 'it has scripts', bytes: { down: 0 } });
  t.equal(second.runs(), 1);
});

test('a plan that refuses is neither restored nor saved', async (t) => {
  const set = project(t, () => ({ refused: 'its settings are unknown' }));
  for (let n = 0; n < 2; n++) {
    const { status, report } = await set.run();
    t.equal(status, 0);
    t.match(report, { hit: 'none', reason: 'its settings are unknown', bytes: { up: 0, down: 0 } });
  }
});

test('what is left to do after a restore is done, before the command', async (t) => {
  const seen: boolean[] = [];
  const first = project(t, ({ folder }) => ({
    install: { onHit: 'skip' },
    async finish({ skipping, run: helper }) {
      seen.push(skipping);
      await helper('sh', ['-c', 'echo finished > lock-deps/finished'], { folder });
    },
  }));
  await first.run();
  t.same(seen, [], 'not after a miss');
  const second = first.fresh();
  t.equal((await second.run()).report.skipped, true);
  t.equal(second.read('lock-deps/finished'), 'finished\n');
  t.same(seen, [true]);
});

test('a restore that cannot be finished is taken back: the command runs as after a miss', async (t) => {
  const first = project(t, () => ({
    install: { onHit: 'skip' },
    finish: ({ run: helper }) => helper('sh', ['-c', 'exit 3']),
  }));
  await first.run();
  const second = first.fresh();
  const { status, report } = await second.run('test ! -e lock-deps && exit 8');
  t.equal(status, 8);
  t.match(report, { hit: 'none', skipped: false, warnings: [{ code: 'COMMAND_FAILED' }] });
});

test('a failed install is not saved, unless the kind’s trees are whole all the same', async (t) => {
  const npm = project(t);
  await npm.run(`${INSTALL}; exit 1`);
  t.notOk(saved(npm));
  t.ok(npm.lines.some((line) => line.includes('not saved: the command failed')));
  const maven = project(t, () => ({ refuseSave: async () => undefined }));
  await maven.run(`${INSTALL}; exit 1`);
  t.ok(saved(maven));
});

test('a kind’s own reason not to save holds', async (t) => {
  const set = project(t, () => ({ refuseSave: async (status) => `half a tree (${status})` }));
  await set.run();
  t.notOk(saved(set));
  t.ok(set.lines.some((line) => line.includes('half a tree (0)')));
});

test('a key that is there is one line, and nothing is sent', async (t) => {
  const set = project(t);
  await set.run();
  set.lines.length = 0;
  const { report } = await set.run(INSTALL, { noRestore: true });
  t.match(report.bytes, { up: 0, reused: 0 }, 'nothing is even packed');
  t.same(set.lines.filter((line) => line.includes('already')).length, 1);
});

test('a command that changes its own inputs is saved under what holds after it', async (t) => {
  const first = project(t, skips);
  await first.run(`echo 'c 3.0' >> lock && ${INSTALL}`);
  const second = first.fresh();
  t.equal((await second.run()).report.hit, 'none', 'not under the key that held before');
  const third = first.fresh();
  third.write({ lock: 'a 1.0\nb 2.0\nc 3.0\n' });
  t.match(await third.run(), { report: { hit: 'exact', skipped: true } });
  t.equal(third.read('lock-deps/installed'), 'a 1.0\nb 2.0\nc 3.0\n');
});

test('a hit that gained files commits a successor, which is what is found next', async (t) => {
  const count = (folder: string) =>
    existsSync(join(folder, 'lock-deps')) ? readdirSync(join(folder, 'lock-deps')).length : 0;
  const first = project(
    t,
    ({ folder, roots }) => ({
      roots: roots.map((root) => ({ ...root, restore: 'merge' })),
      async watch() {
        const before = count(folder);
        return {
          gained: async () => {
            const files = count(folder) - before;
            return files === 0 ? undefined : { files, generation: `g${count(folder)}` };
          },
        };
      },
    }),
    'maven',
  );
  const { report: cold } = await first.run();
  const second = first.fresh();
  t.match((await second.run('touch lock-deps/more')).report, { hit: 'exact', matchedKey: cold.key });
  t.ok(second.lines.some((line) => line.includes('hit, 1 file')));
  const third = first.fresh();
  const { report } = await third.run('test -e lock-deps/more');
  t.match(report, { hit: 'exact', matchedKey: `${cold.key}/g2` });
  t.notOk(saved(third));
});

test('a near hit is restored where it is useful, and the whole is saved after it', async (t) => {
  const near = ({ fingerprint }: Plan): Partial<Plan> => ({
    nearKeys: [fingerprint.key.slice(0, fingerprint.key.lastIndexOf('/') + 1)],
  });
  const first = project(t, near);
  const { report: cold } = await first.run();
  const second = first.fresh();
  second.write({ lock: 'a 1.1\nb 2.0\n' });
  const { report } = await second.run(`test -f lock-deps/installed && ${INSTALL}`);
  t.match(report, { hit: 'near', matchedKey: cold.key, reason: /lockfile changed: a 1\.0 -> 1\.1/ });
  t.ok(saved(second));
});

test('promise 4: a miss names the input that changed, from what, to what', async (t) => {
  const first = project(t);
  const { report: cold } = await first.run();
  t.equal(cold.reason, 'nothing of that name has been saved yet');
  const second = first.fresh();
  second.write({ lock: 'a 1.1\nc 3.0\n' });
  const { report } = await second.run();
  t.equal(report.reason, 'lockfile changed: a 1.0 -> 1.1, b was removed, c was added');
  t.ok(second.lines.some((line) => line.includes(report.reason ?? '?')));
});

test('--refresh is a miss that replaces what is there', async (t) => {
  const first = project(t, skips);
  await first.run();
  const second = first.fresh();
  const { report } = await second.run('mkdir lock-deps && echo new > lock-deps/installed', { refresh: true });
  t.match(report, { hit: 'none', skipped: false });
  const third = first.fresh();
  await third.run();
  t.equal(third.read('lock-deps/installed'), 'new\n');
});

test('--no-restore, --no-save, CACHALOT_READ_ONLY and --salt', async (t) => {
  const first = project(t, skips);
  await first.run(INSTALL, { noSave: true });
  const readOnly = { ...first.context, env: { ...first.context.env, CACHALOT_READ_ONLY: '1' } };
  await run(readOnly, { command: first.command(INSTALL) });
  t.notOk(saved(first));
  await first.run();
  const second = first.fresh();
  t.match((await second.run(INSTALL, { noRestore: true })).report, { hit: 'none', bytes: { down: 0 } });
  t.equal(second.runs(), 1);
  t.equal((await second.run(INSTALL, { salt: 'x' })).report.hit, 'none', 'another salt is another key');
  t.equal((await second.run(INSTALL, { salt: 'x' })).report.skipped, true);
});

test('--save: never, on success, on the default branch', async (t) => {
  const whole = (): Partial<Plan> => ({ refuseSave: async () => undefined });
  const cases: [Partial<RunOptions>, string, Record<string, string>, boolean][] = [
    [{ save: 'never' }, INSTALL, {}, false],
    [{ save: 'success' }, `${INSTALL}; exit 1`, {}, false],
    [{ save: 'success' }, INSTALL, {}, true],
    [{ save: 'always' }, `${INSTALL}; exit 1`, {}, true],
    [
      { save: 'default-branch' },
      INSTALL,
      { GITLAB_CI: 'true', CI_COMMIT_BRANCH: 'x', CI_DEFAULT_BRANCH: 'y' },
      false,
    ],
    [
      { save: 'default-branch' },
      INSTALL,
      { GITLAB_CI: 'true', CI_COMMIT_BRANCH: 'y', CI_DEFAULT_BRANCH: 'y' },
      true,
    ],
  ];
  for (const [options, script, env, saves] of cases) {
    const set = project(t, whole);
    const context = { ...set.context, env: { ...set.context.env, ...env } };
    await run(context, { command: set.command(script), ...options });
    t.equal(saved(set), saves, JSON.stringify([options, script]));
  }
});

test('several lockfiles: one entry each, one look-up for all', async (t) => {
  const set = stage(t, { CACHALOT_URL: shared.url });
  set.write({ one: 'a 1\n', two: 'b 1\n' });
  const kinds = twoKinds();
  const context = { ...set.context, kinds };
  const command = set.command('mkdir -p one-deps two-deps; touch one-deps/f two-deps/f');
  t.match((await run(context, { command })).report.entries, [
    { kind: 'maven', hit: 'none' },
    { kind: 'npm', hit: 'none' },
  ]);
  set.write({ two: 'b 2\n' });
  const { report } = await run(context, { command });
  t.match(report, {
    hit: 'none',
    entries: [
      { kind: 'maven', hit: 'none' },
      { kind: 'npm', hit: 'exact' },
    ],
  });
});

test('a lockfile of one kind that cannot be read does not stop the others', async (t) => {
  const set = stage(t, { CACHALOT_URL: shared.url });
  set.write({ one: '! broken', two: 'b 1\n' });
  const context = { ...set.context, kinds: twoKinds() };
  const { report } = await run(context, { command: set.command('mkdir -p two-deps; touch two-deps/f') });
  t.match(report.warnings, [{ code: 'LOCKFILE_UNREADABLE' }]);
  t.ok(saved(set));
});

test('the kind is the program’s, or the one that was named', async (t) => {
  const set = stage(t, { CACHALOT_URL: shared.url });
  set.write({ one: 'a 1\n', two: 'b 1\n' });
  const context = { ...set.context, kinds: twoKinds() };
  t.equal((await run(context, { command: ['npm', '--version'] })).report.entries, undefined);
  t.equal((await run(context, { command: ['true'], kind: 'maven' })).report.kind, 'maven');
  await t.rejects(run(context, { command: ['true'], kind: 'cobol' }), {
    code: 'USAGE',
    message: /npm, maven/,
  });
});

test('a command that is handed settings of ours gets them', async (t) => {
  const set = project(t, () => ({ handOver: { env: { GIVEN: 'x' } } }));
  t.equal((await set.run('test "$GIVEN" = x')).status, 0);
  const other = project(t, () => ({ handOver: { command: ['sh', '-c', 'exit 9'] } }));
  t.equal((await other.run('exit 1')).status, 9);
});

test('a server that goes away while the command runs is one line, and the status is the command’s', async (t) => {
  const server = await realServer(t);
  const gone = async () => {
    await server.stop();
    return undefined;
  };
  const set = project(t, () => ({ refuseSave: gone }), 'npm', server);
  const { status, report } = await set.run(`${INSTALL}; exit 0`);
  t.equal(status, 0);
  t.match(report.warnings, [{ code: 'CLIENT_UNAVAILABLE' }]);
});

test('a mistake of ours, before the command or after it, does not fail the build', async (t) => {
  const fail = (): never => {
    throw new TypeError('a mistake');
  };
  const parts: Partial<Plan>[] = [
    { watch: fail },
    { refuseSave: fail },
    { finish: fail, install: { onHit: 'skip' } },
  ];
  for (const part of parts) {
    const first = project(t, () => ({ refuseSave: async () => undefined }));
    await first.run();
    const second = first.fresh();
    const kinds = kindOf('npm', 'lock', () => part, first.name);
    const { status, report } = await run(
      { ...second.context, kinds },
      { command: second.command('exit 3'), ...(part.refuseSave === undefined ? {} : { noRestore: true }) },
    );
    t.equal(status, 3, Object.keys(part).join());
    t.match(report.warnings, [{ code: 'CLIENT_INTERNAL' }]);
    t.equal(second.runs(), 1);
  }
  const broken = { npm: async () => ({ kind: 'npm', owns: () => false, detect: fail }) };
  const set = stage(t, { CACHALOT_URL: shared.url });
  const { status, report } = await run({ ...set.context, kinds: broken }, { command: set.command('exit 3') });
  t.equal(status, 3);
  t.match(report.warnings, [{ code: 'CLIENT_INTERNAL' }]);
});

test('a damaged segment never reaches the target: a miss, and the next save heals it', async (t) => {
  const first = project(t, skips, 'npm', await realServer(t));
  await first.run();
  damageSegments(first.server.data);
  const url = await first.server.restart();
  const second = first.fresh();
  const context = { ...second.context, env: { ...second.context.env, CACHALOT_URL: url } };
  second.write({ 'lock-deps/mine': 'x' });
  const { report } = await run(context, { command: second.command(`test -e lock-deps/mine && ${INSTALL}`) });
  t.match(report, { hit: 'none', skipped: false });
  const third = first.fresh();
  const healed = await run({ ...third.context, env: context.env }, { command: third.command(INSTALL) });
  t.match(healed.report, { hit: 'exact', skipped: true, warnings: [] });
  t.equal(third.read('lock-deps/installed'), 'a 1.0\nb 2.0\n');
});

test('a target that cannot be written is a warning, and the build goes on', async (t) => {
  const first = project(t, skips);
  await first.run();
  const second = first.fresh();
  // A file where the folder above the target should be.
  const deep = ({ roots }: Plan): Partial<Plan> => ({
    ...skips(),
    roots: roots.map((root) => ({
      ...root,
      root: 'workspace:file/deps',
      place: join(second.folder, 'file/deps'),
    })),
  });
  const kinds = kindOf('npm', 'lock', deep);
  mkdirSync(join(second.folder, 'file'));
  const command = second.command('mkdir -p file/deps && touch file/deps/f');
  await run({ ...second.context, kinds }, { command });
  const third = first.fresh();
  writeFileSync(join(third.folder, 'file'), 'in the way');
  const { status, report } = await run(
    {
      ...third.context,
      kinds: kindOf('npm', 'lock', ({ roots }) => ({
        ...skips(),
        roots: roots.map((root) => ({
          ...root,
          root: 'workspace:file/deps',
          place: join(third.folder, 'file/deps'),
        })),
      })),
    },
    { command: third.command('exit 2') },
  );
  t.equal(status, 2);
  t.match(report.warnings, [{ code: 'TARGET_UNWRITABLE' }]);
  t.equal(third.read('file'), 'in the way');
});

test('each run leaves an event, from which the figures are made', async (t) => {
  const first = project(t, skips, 'npm', await realServer(t));
  await first.run(`sleep 0.05; ${INSTALL}`);
  await first.fresh().run();
  const client = createClient(readClientSettings(first.context.env, '0'));
  t.teardown(() => client.close());
  t.match(await client.stats(), { runs: 2, hits: { exact: 1, near: 0, none: 1 }, skipped: 1, entries: 1 });
});

test('an entry says what made it', async (t) => {
  const set = project(t);
  const { report } = await set.run();
  const client = createClient(readClientSettings(set.context.env, '0'));
  t.teardown(() => client.close());
  const [summary] = await client.entries({ prefix: report.key, limit: 1 });
  const { manifest } = await client.entry(summary?.entry ?? '');
  t.match(manifest, {
    name: report.key.split('/')[1],
    inputs: [{ name: 'lockfile', detail: true }, { name: 'tool' }],
    platform: { os: process.platform, arch: process.arch, foldsCase: false },
    writer: { program: 'cachalot', version: '0.0.0-test' },
    command: set.command(INSTALL),
  });
  t.ok((manifest.timings.command ?? 0) > 0);
});

/** Two kinds with a lockfile each, `one` and `two`. */
function twoKinds() {
  const name = `project-${projects++}`;
  return { ...kindOf('npm', 'one', undefined, name), ...kindOf('maven', 'two', undefined, name) };
}

/** Turns a byte in the middle of every stored segment. */
function damageSegments(data: string): void {
  for (const name of readdirSync(data, { recursive: true, encoding: 'utf8' })) {
    const path = join(data, name);
    if (!/segments\/.*[0-9a-f]{64}$/.test(name) || !statSync(path).isFile()) continue;
    const bytes = readFileSync(path);
    const middle = Math.floor(bytes.length / 3);
    bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
    writeFileSync(path, bytes);
  }
}
