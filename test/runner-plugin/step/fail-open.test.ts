/**
 * Promise 2: a fault of the cache never fails a build and never makes it slower than its budget. Whatever stands where the
 * server should be, the command runs once, its exit status is the answer, and one line says why there was no cache.
 */
import { test } from 'tap';
import { systemClock } from '#runner-plugin/client/clock.ts';
import { restore } from '#runner-plugin/step/restore.ts';
import { type RunOptions, run } from '#runner-plugin/step/run.ts';
import { save } from '#runner-plugin/step/save.ts';
import { manualClock } from '../client/manual-clock.ts';
import { closedPort, httpServer, json, rawServer, swallowingPort, type Teardown } from '../client/servers.ts';
import { stage as openStage } from './stage.ts';

function stage(t: Teardown, env: Record<string, string>) {
  const set = openStage(t, env);
  set.write({ 'dist/file': 'content' });
  return {
    ...set,
    run: (options: Partial<RunOptions> = {}) =>
      run(set.context, { command: set.command('exit 5'), key: 'k', paths: ['dist'], ...options }),
  };
}

const REFUSALS: [string, (t: Teardown) => Promise<string>][] = [
  ['nothing listens', async () => `http://127.0.0.1:${await closedPort()}/`],
  ['500', async (t) => (await httpServer(t, (_, response) => response.writeHead(500).end())).url],
  [
    '500 with an error of ours',
    async (t) =>
      (await httpServer(t, (_, response) => json(response, { code: 'SERVER_INTERNAL', message: 'm' }, 500)))
        .url,
  ],
  ['a login page', async (t) => (await httpServer(t, (_, response) => response.end('<html>'))).url],
  ['null', async (t) => (await httpServer(t, (_, response) => json(response, null))).url],
  [
    'a redirect',
    async (t) => (await httpServer(t, (_, response) => response.writeHead(302, { location: '/' }).end())).url,
  ],
  ['another protocol', async (t) => (await rawServer(t, (socket) => socket.end('220 smtp\r\n'))).url],
  ['a server that hangs up', async (t) => (await rawServer(t, (socket) => socket.destroy())).url],
];

for (const [what, open] of REFUSALS) {
  test(`${what}: the command runs, one line, its own exit status`, async (t) => {
    const { lines, run, runs } = stage(t, { CACHALOT_URL: await open(t) });
    const { status, report } = await run();
    t.equal(status, 5);
    t.equal(runs(), 1);
    t.equal(lines.length, 1, lines.join('\n'));
    t.equal(report.warnings.length, 1);
    t.match(report, { hit: 'none', skipped: false, bytes: { down: 0, up: 0 } });
    t.equal(report.reason, report.warnings[0]?.message, 'every miss has a reason');
  });

  test(`${what}: with --strict nothing is run and the status says so`, async (t) => {
    const { run, runs } = stage(t, { CACHALOT_URL: await open(t) });
    t.equal((await run({ strict: true })).status, 69);
    t.equal(runs(), 0);
  });
}

test('a server that says nothing costs its budget, once', async (t) => {
  const clock = manualClock();
  const server = await rawServer(t, () => {});
  const { context, lines, runs } = stage(t, { CACHALOT_URL: server.url });
  const running = run({ ...context, clock }, { command: ['true'], key: 'k', paths: ['dist'] });
  await clock.armed(5_000);
  clock.pass(5_000);
  t.equal((await running).status, 0);
  t.equal(lines.length, 1);
  const second = await run({ ...context, clock }, { command: ['true'], key: 'k', paths: ['dist'] });
  t.match(
    second.report.warnings,
    [{ code: 'CLIENT_BREAKER_OPEN' }],
    'the next command does not ask, and says so',
  );
  t.equal(lines.length, 2);
  t.equal(runs(), 0);
});

test('ten commands against an address that swallows packets cost at most 10 s together', async (t) => {
  const { context, command, runs, lines } = stage(t, {
    CACHALOT_URL: `http://127.0.0.1:${await swallowingPort(t)}/`,
  });
  const start = performance.now();
  for (let n = 0; n < 10; n++) {
    const options = { command: command('exit 5'), key: 'k', paths: ['dist'] };
    t.equal((await run({ ...context, clock: systemClock }, options)).status, 5);
  }
  t.ok(performance.now() - start < 10_000, `${performance.now() - start} ms`);
  t.equal(runs(), 10);
  t.equal(lines.length, 10, 'each says its line');
});

test('a bad value in the environment is one line that names it, and 64 only with --strict', async (t) => {
  for (const env of [
    { CACHALOT_URL: 'nonsense' },
    { CACHALOT_READ_ONLY: 'maybe' },
    { CACHALOT_BUDGET_SAVE: 'soon' },
    { CACHALOT_TOKEN_FILE: '/no/such/file' },
  ]) {
    const [name = ''] = Object.keys(env);
    const { run, lines } = stage(t, { CACHALOT_URL: 'http://127.0.0.1:1/', ...env } as Record<
      string,
      string
    >);
    t.equal((await run()).status, 5);
    t.equal(lines.length, 1);
    t.match(lines[0], new RegExp(name));
    t.equal((await run({ strict: true })).status, 64);
  }
});

test('CACHALOT_OFF: the command runs, and nobody says anything', async (t) => {
  const { run, lines, runs } = stage(t, { CACHALOT_URL: 'http://127.0.0.1:1/', CACHALOT_OFF: '1' });
  t.equal((await run({ strict: true })).status, 5);
  t.equal(runs(), 1);
  t.same(lines, []);
});

test('a lockfile that cannot be read is one line, and the build runs', async (t) => {
  const { context, lines } = stage(t, { CACHALOT_URL: 'http://127.0.0.1:1/' });
  const folder = t.testdir({ 'package.json': '{"name":"x"}', 'package-lock.json': '{ not json' });
  const { status, report } = await run({ ...context, folder }, { command: ['sh', '-c', 'exit 4'] });
  t.equal(status, 4);
  t.match(report.warnings, [{ code: 'LOCKFILE_UNREADABLE', message: /package-lock\.json/ }]);
  t.equal(lines.length, 1);
  t.equal((await run({ ...context, folder }, { command: ['true'], strict: true })).status, 65);
});

test('what the user typed and cannot be meant is refused before anything runs', async (t) => {
  const { run, runs } = stage(t, {});
  await t.rejects(run({ command: [] }), { code: 'USAGE' });
  await t.rejects(run({ key: 'a,b' }), { code: 'KEY_UNREADABLE' });
  await t.rejects(run({ paths: ['/etc'] }), { code: 'ROOT_FORBIDDEN' });
  await t.rejects(run({ paths: [] }), { code: 'USAGE' });
  t.equal(runs(), 0);
});

test('restore: a fault is a miss: 0, or 3 where a miss is to fail, or its own with --strict', async (t) => {
  const { context, lines, read } = stage(t, { CACHALOT_URL: `http://127.0.0.1:${await closedPort()}/` });
  const options = { key: 'k', paths: ['dist'] };
  t.equal((await restore(context, options)).status, 0);
  t.equal((await restore(context, { ...options, failOnMiss: true })).status, 3);
  t.equal((await restore(context, { ...options, failOnMiss: true, strict: true })).status, 69);
  t.equal(read('dist/file'), 'content', 'what is there stays');
  t.equal(lines.length, 3);
});

test('save: a fault is one line and 0', async (t) => {
  const { context, lines } = stage(t, { CACHALOT_URL: `http://127.0.0.1:${await closedPort()}/` });
  t.equal((await save(context, { key: 'k', paths: ['dist'] })).status, 0);
  t.equal((await save(context, { key: 'k', paths: ['dist'], strict: true })).status, 69);
  t.equal(lines.length, 2);
  await t.rejects(save(context, { key: 'k', paths: ['nothing'] }), { code: 'ROOT_MISSING' });
});
