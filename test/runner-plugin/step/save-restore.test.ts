/** `save` and `restore` against a server of ours: the tree that comes back is the one that was saved, or nothing happened. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import tap, { test } from 'tap';
import { layoutBytes } from '#protocol/format/layout.ts';
import { createClient } from '#runner-plugin/client/client.ts';
import { readClientSettings } from '#runner-plugin/client/settings.ts';
import { restore } from '#runner-plugin/step/restore.ts';
import { save } from '#runner-plugin/step/save.ts';
import { realServer, type Stage, stage } from './stage.ts';

const shared = await realServer(tap);
const open = (t: Parameters<typeof stage>[0], url = shared.url): Stage => stage(t, { CACHALOT_URL: url });

test('a tree comes back with its contents, modes, links and times', async (t) => {
  const first = open(t);
  first.write({ 'dist/a': 'content', 'dist/sub/b': '', 'dist/großer Name\n': 'x' });
  chmodSync(join(first.folder, 'dist/a'), 0o750);
  linkSync(join(first.folder, 'dist/a'), join(first.folder, 'dist/hard'));
  symlinkSync('sub/b', join(first.folder, 'dist/soft'));
  mkdirSync(join(first.folder, 'dist/empty'));
  utimesSync(join(first.folder, 'dist/sub/b'), 1_600_000_000, 1_600_000_000.123);
  t.match(await save(first.context, { key: 'tree', paths: ['dist'] }), {
    status: 0,
    report: { warnings: [] },
  });
  const second = open(t);
  t.match(await restore(second.context, { key: 'tree', paths: ['dist'] }), {
    status: 0,
    report: { hit: 'exact', warnings: [] },
  });
  t.same(describe(second.folder), describe(first.folder));
  t.ok(timeDifference(second.folder, first.folder) < 1_000);
});

test('a hit on other paths is a miss', async (t) => {
  const first = open(t);
  first.write({ 'one/f': '1', 'two/f': '2' });
  await save(first.context, { key: 'paths', paths: ['one', 'two'] });
  const second = open(t);
  t.match(await restore(second.context, { key: 'paths', paths: ['one'] }), {
    report: { hit: 'none', reason: /other paths/ },
  });
  t.match(await restore(second.context, { key: 'paths', paths: ['two', 'one'] }), {
    report: { hit: 'exact' },
  });
});

test('a path that was not there when it was saved is part of the entry, and left alone', async (t) => {
  const first = open(t);
  first.write({ 'one/f': '1' });
  await save(first.context, { key: 'absent', paths: ['one', 'two'] });
  const second = open(t);
  second.write({ 'two/mine': 'x' });
  t.match(await restore(second.context, { key: 'absent', paths: ['one', 'two'] }), {
    report: { hit: 'exact' },
  });
  t.equal(second.read('one/f'), '1');
  t.equal(second.read('two/mine'), 'x');
});

test('patterns: saved is what they match, restored what they could have matched', async (t) => {
  const first = open(t);
  first.write({ 'packages/a/dist/f': 'a', 'packages/b/dist/f': 'b', 'packages/b/src/f': 'source' });
  await save(first.context, { key: 'patterns', paths: ['packages/*/dist'] });
  const second = open(t);
  second.write({ 'packages/b/src/f': 'mine' });
  t.match(await restore(second.context, { key: 'patterns', paths: ['packages/*/dist'] }), {
    report: { hit: 'exact' },
  });
  t.equal(second.read('packages/a/dist/f'), 'a');
  t.equal(second.read('packages/b/src/f'), 'mine');
  t.match(await restore(second.context, { key: 'patterns', paths: ['packages/*/out'] }), {
    report: { hit: 'none' },
  });
});

test('the home folder is found again on another runner', async (t) => {
  const first = open(t);
  const homes = [first, open(t)].map(({ context }) => context.env.HOME ?? '');
  mkdirSync(join(homes[0] ?? '', '.cache/tool'), { recursive: true });
  writeFileSync(join(homes[0] ?? '', '.cache/tool/f'), 'x');
  await save(first.context, { key: 'home', paths: ['~/.cache/tool'] });
  const second = { ...open(t).context, env: { ...first.context.env, HOME: homes[1] ?? '' } };
  await restore(second, { key: 'home', paths: ['~/.cache/tool'] });
  t.equal(readFileSync(join(homes[1] ?? '', '.cache/tool/f'), 'utf8'), 'x');
});

test('restore keys are tried in order, the newest of each', async (t) => {
  const first = open(t);
  for (const [key, content] of [
    ['near-a-1', 'a1'],
    ['near-a-2', 'a2'],
    ['near-b-1', 'b1'],
  ] as const) {
    first.write({ 'dist/f': content });
    await save(first.context, { key, paths: ['dist'] });
  }
  const second = open(t);
  const { status, report } = await restore(second.context, {
    key: 'near-c',
    restoreKeys: ['near-x', 'near-a-', 'near-b-'],
    paths: ['dist'],
    failOnMiss: true,
  });
  t.equal(status, 0, 'a near hit is no miss');
  t.match(report, { hit: 'near', matchedKey: 'generic/_/near-a-2', reason: /near-c/ });
  t.equal(second.read('dist/f'), 'a2');
  t.ok(second.lines.some((line) => line.includes('took near-a-2')));
});

test('a miss is one line and 0, or 3 if it is to fail; what is there stays', async (t) => {
  const set = open(t);
  set.write({ 'dist/f': 'mine' });
  t.equal((await restore(set.context, { key: 'nobody-saved-this', paths: ['dist'] })).status, 0);
  t.equal(
    (await restore(set.context, { key: 'nobody-saved-this', paths: ['dist'], failOnMiss: true })).status,
    3,
  );
  t.equal(set.lines.length, 2);
  t.equal(set.read('dist/f'), 'mine');
});

test('the first save of a key wins; --replace and --refresh take its place', async (t) => {
  const set = open(t);
  const restored = async (): Promise<string | undefined> => {
    const other = open(t);
    await restore(other.context, { key: 'first', paths: ['dist'] });
    return other.read('dist/f');
  };
  for (const [content, options, wins] of [
    ['one', {}, 'one'],
    ['two', {}, 'one'],
    ['three', { replace: true }, 'three'],
    ['four', { refresh: true }, 'four'],
  ] as const) {
    set.write({ 'dist/f': content });
    t.equal((await save(set.context, { key: 'first', paths: ['dist'], ...options })).status, 0);
    t.equal(await restored(), wins, content);
  }
});

test('two saves at the same moment: one wins, the other says so, both succeed', async (t) => {
  const [one, two] = [open(t), open(t)];
  one.write({ 'dist/f': 'one' });
  two.write({ 'dist/f': 'two' });
  const both = await Promise.all(
    [one, two].map(({ context }) => save(context, { key: 'race', paths: ['dist'] })),
  );
  t.same(
    both.map(({ status, report }) => [status, report.warnings]),
    [
      [0, []],
      [0, []],
    ],
  );
  const lines = [...one.lines, ...two.lines].join('\n');
  t.match(lines, /saved/);
  t.match(lines, /other content; that one stays|there already/);
});

test('a large tree goes and comes in many segments, and only what changed is sent again', async (t) => {
  const first = open(t);
  const line = (n: number) => `${n} ${Math.sin(n)}\n`.repeat(400);
  for (let n = 0; n < 600; n++) first.write({ [`dist/${n % 7}/file-${n}`]: line(n) });
  writeFileSync(join(first.folder, 'dist/large'), Buffer.alloc(9 * 1024 * 1024, 'large'));
  const cold = await save(first.context, { key: 'large-1', paths: ['dist'] });
  first.write({ 'dist/3/file-3': 'changed' });
  const warm = await save(first.context, { key: 'large-2', paths: ['dist'] });
  t.ok(warm.report.bytes.up < cold.report.bytes.up / 3, `${warm.report.bytes.up} of ${cold.report.bytes.up}`);
  t.ok(warm.report.bytes.reused > 0);
  const second = open(t);
  const back = await restore(second.context, { key: 'large-2', paths: ['dist'], verify: 'full' });
  t.match(back.report, { hit: 'exact', warnings: [] });
  t.same(describe(second.folder), describe(first.folder));
  t.ok(timeDifference(second.folder, first.folder) < 1_000);
});

test('what cannot be saved as it is is an error of its own, and stores nothing', async (t) => {
  const set = open(t);
  set.write({ 'dist/f': '' });
  execFileSync('sh', ['-c', 'touch "$(printf \'dist/\\377\')"'], { cwd: set.folder });
  await t.rejects(save(set.context, { key: 'name', paths: ['dist'] }), { code: 'ARCHIVE_NAME_NOT_UTF8' });
  await t.rejects(save(set.context, { key: 'missing', paths: ['nothing'] }), { code: 'ROOT_MISSING' });
  for (const key of ['name', 'missing'])
    t.match(await restore(set.context, { key, paths: ['dist'] }), { report: { hit: 'none' } });
});

test('the entry is found again after the server was restarted', async (t) => {
  const server = await realServer(t);
  const first = open(t, server.url);
  first.write({ 'dist/f': 'x' });
  await save(first.context, { key: 'k', paths: ['dist'] });
  const second = open(t, await server.restart());
  t.match(await restore(second.context, { key: 'k', paths: ['dist'] }), { report: { hit: 'exact' } });
});

test('a small entry comes with the answer to its look-up, times and all', async (t) => {
  const first = open(t);
  first.write({ 'dist/f': 'x' });
  await save(first.context, { key: 'small', paths: ['dist'] });
  const client = createClient(readClientSettings(first.context.env, '0'));
  t.teardown(() => client.close());
  const [found] = await client.lookup([{ keys: ['generic/_/small'], roots: ['workspace:dist'] }], {
    inline: 1_000_000,
  });
  if (found?.hit !== 'exact') throw new Error('no hit');
  t.equal(found.inline?.length, layoutBytes(found.layout));
  t.equal(found.times?.length, 8 * found.signed.manifest.totals.members);
});

test('nothing is left beside what was restored', async (t) => {
  const set = open(t);
  set.write({ 'dist/f': 'x' });
  await save(set.context, { key: 'clean', paths: ['dist'] });
  await restore(set.context, { key: 'clean', paths: ['dist'] });
  t.same(readdirSync(set.folder), ['dist']);
  t.ok(existsSync(join(set.folder, 'dist/f')));
});

/** Everything about a tree that a restore has to bring back, times apart. */
function describe(folder: string): unknown[] {
  return namesIn(folder).map((name) => {
    const path = join(folder, name);
    const stat = lstatSync(path);
    const link = stat.isSymbolicLink() ? readlinkSync(path) : undefined;
    const content = stat.isFile() ? readFileSync(path).toString('base64') : undefined;
    return { name, mode: stat.mode, link, content, links: stat.isFile() ? stat.nlink : 0 };
  });
}

function namesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
}

/** The largest difference of two trees' times, in ns; Node sets times as seconds in a double, so a few hundred are lost. */
function timeDifference(one: string, two: string): number {
  const times = (folder: string) =>
    namesIn(folder)
      .filter((name) => name.includes('/') && !lstatSync(join(folder, name)).isSymbolicLink())
      .map((name) => lstatSync(join(folder, name), { bigint: true }).mtimeNs);
  const other = times(two);
  return Math.max(...times(one).map((time, i) => Math.abs(Number(time - (other[i] ?? 0n)))));
}
