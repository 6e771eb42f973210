/** Jobs of a matrix: eight at once, of one project and one key, each on an empty machine, before one server. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { need } from '../needs.ts';
import { place, readReport } from './cachalot.ts';
import { startFixtureRegistry } from './fixture-registry.ts';

const JOBS = 8;

test('eight jobs at once save one entry; seven are told so in a line', { timeout: 300_000 }, async (t) => {
  if (!need(t, 'npm')) return;
  const { cachalot, folder, run, serve } = place(t);
  await serve();
  const registry = await startFixtureRegistry([
    { name: 'large', version: '1.0.0', files: { 'noise.txt': noise(200_000) } },
  ]);
  t.teardown(() => registry.close());
  const checkout = join(folder, 'checkout');
  mkdirSync(checkout);
  const fields = { name: 'matrix', version: '1.0.0', dependencies: { large: '1.0.0' } };
  writeFileSync(join(checkout, 'package.json'), JSON.stringify(fields));
  const machine = (name: string) => ({
    HOME: join(folder, name),
    CACHALOT_HOME: join(folder, name, 'state'),
    npm_config_cache: join(folder, name, 'npm-cache'),
    npm_config_registry: registry.url,
    npm_config_update_notifier: 'false',
  });
  const locking = { folder: checkout, env: machine('locking') };
  const locked = await run('npm', ['install', '--package-lock-only', '--no-audit'], locking);
  t.equal(locked.status, 0, locked.stderr);

  const job = async (name: string, ...flags: string[]) => {
    const work = join(folder, name, 'work');
    cpSync(checkout, work, { recursive: true });
    const report = join(folder, `${name}.json`);
    const command = ['run', ...flags, '--report', report, '--', 'npm', 'ci', '--no-audit', '--no-fund'];
    const done = await cachalot(command, { folder: work, env: machine(name) });
    return { ...done, ...readReport(report, done) };
  };
  const outcomes = (done: { stderr: string }, title: RegExp): string[] =>
    done.stderr.split('\n').filter((line) => title.test(line) && !/miss/.test(line));

  const jobs = await Promise.all(Array.from({ length: JOBS }, (_, n) => job(`job-${n}`)));
  for (const done of jobs) t.match(done, { status: 0, warnings: [] }, done.stderr);
  // One that starts late may find what the first has saved.
  const asked = jobs.filter(({ hit }) => hit !== 'exact');
  // What npm noted of its requests beside the contents is another on each machine, and the first one's holds.
  for (const [title, second] of [
    [/npm matrix:/, /another save of the same was first|it is there already/],
    [/npm-contents matrix:/, /another save (of the same )?was first|it is there already/],
  ] as const) {
    const lines = asked.map((done) => outcomes(done, title).filter((line) => !/command finds/.test(line)));
    t.ok(
      lines.every((one) => one.length === 1),
      'one line each',
    );
    const all = lines.flat();
    t.equal(all.filter((line) => /: saved /.test(line)).length, 1, all.join('\n'));
    t.equal(all.filter((line) => second.test(line)).length, all.length - 1);
  }
  const entries: { kind: string }[] = JSON.parse((await cachalot(['ls', '--json'])).stdout);
  t.same(entries.map(({ kind }) => kind).sort(), ['npm', 'npm-contents']);
  const sent = jobs.map(({ bytes }) => bytes.up);
  const [most = 0] = [...sent].sort((a, b) => b - a);
  t.comment(`bytes sent by each job: ${sent.join(', ')}`);
  t.ok(most > 100_000, 'what was installed does not compress away');

  const later = await job('later', '--no-restore');
  t.match(
    later,
    { status: 0, bytes: { up: 0 }, stderr: /npm matrix: it is there already, nothing was sent/ },
    later.stderr,
  );
  const salted = await job('salted', '--no-restore', '--salt', 'x');
  t.match(salted, { status: 0, stderr: /npm matrix: saved / }, salted.stderr);
  t.ok(salted.bytes.up < most / 10, `another entry of the same bytes: ${salted.bytes.up} sent`);
  t.match(await job('last'), { status: 0, hit: 'exact', skipped: true });
});

/** Text that does not become shorter. */
function noise(length: number): string {
  let [text, state] = ['', 1];
  while (text.length < length) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    text += String.fromCharCode(33 + ((state >>> 16) % 90));
  }
  return text;
}
