/** A server that asks for credentials, as projects meet it: builds of the default branch, of a branch, of a fork; and who has none. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { type Place, place } from './cachalot.ts';

const COMMAND = [
  '--key',
  'v1',
  '--path',
  'out',
  '--',
  'sh',
  '-c',
  'test -e out/file || { mkdir -p out; echo "$CONTENT" > out/file; }',
];

function adminOf(set: Place) {
  const file = join(set.folder, 'data/admin-token');
  return async (...args: string[]) => {
    const done = await set.cachalot(['admin', 'token', ...args, '--token-file', file]);
    return { ...done, token: done.stdout.trim() };
  };
}

function buildOf(set: Place) {
  return async (env: Record<string, string>, ...more: string[]) => {
    rmSync(join(set.folder, 'out'), { recursive: true, force: true });
    const { status, stderr } = await set.cachalot(['run', ...more, ...COMMAND], { env });
    const file = join(set.folder, 'out/file');
    return { status, stderr, content: existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined };
  };
}

test('a project, its branches and a fork of it', async (t) => {
  const set = place(t);
  set.env.CACHALOT_SERVER_AUTH_REQUIRED = 'true';
  await set.serve();
  const admin = adminOf(set);
  const build = buildOf(set);
  const trusted = await admin('create', '--project', 'shop', '--tier', 'trusted', '--expires', '90d');
  t.match(trusted, {
    status: 0,
    stderr: /trusted in project shop, writes refs\/heads\/\*, refs\/tags\/\*, expires/,
  });
  t.match(trusted.stdout, /^cachalot_[0-9a-f]{16}_[\w-]{43}\n$/, 'nothing but the token is on stdout');
  const forks = await admin(
    'create',
    '--project',
    'shop',
    '--tier',
    'untrusted',
    '--write-ref',
    'refs/pull/*',
  );
  const reader = await admin('create', '--project', 'shop', '--tier', 'read-only');

  const jenkins = { CACHALOT_TOKEN: trusted.token, BRANCH_NAME: 'main', BRANCH_IS_PRIMARY: 'true' };
  const fork = { CACHALOT_TOKEN: forks.token, BRANCH_NAME: 'PR-7', CHANGE_ID: '7', CHANGE_TARGET: 'main' };

  // A fork was first. Nobody else ever takes what it made.
  t.equal((await build({ ...fork, CONTENT: 'poison' })).content, 'poison');
  t.equal((await build({ ...jenkins, CONTENT: 'good' })).content, 'good');
  const tenth = { ...fork, BRANCH_NAME: 'PR-10', CHANGE_ID: '10' };
  t.equal(
    (await build({ ...tenth, CONTENT: 'x' })).content,
    'good',
    'another fork’s build has what main made',
  );
  const misses = await build(
    { CACHALOT_TOKEN: reader.token, CACHALOT_REF: 'main', CONTENT: 'own' },
    '--strict',
    '--salt',
    's',
  );
  t.match(misses, { status: 0, content: 'own', stderr: /not saved: This credential may not save/ });

  const listed = await set.cachalot(['ls', '--json'], { env: fork });
  const scopes = JSON.parse(listed.stdout).map(({ scope }: { scope: string }) => scope);
  t.same(scopes.sort(), ['shop,trusted,refs/heads/main', 'shop,untrusted,refs/pull/7/merge']);
  const ofMain = await set.cachalot(['ls', '--json', '--ref', 'main'], { env: fork });
  t.same(
    JSON.parse(ofMain.stdout).map(({ scope }: { scope: string }) => scope),
    ['shop,trusted,refs/heads/main'],
  );
  t.match(await set.cachalot(['whoami'], { env: fork }), {
    stdout:
      /^untrusted in domain static:shop, project shop; this is refs\/pull\/7\/merge; writes shop,untrusted,refs\/pull\/7\/merge \(it may write refs\/pull\/\*\); reads /,
  });
  t.match(await set.cachalot(['rm', '--ref', 'main'], { env: fork }), {
    status: 77,
    stderr: /may not remove/,
  });
  t.match(await set.cachalot(['rm', '--ref', 'refs/pull/7/merge'], { env: tenth }), {
    status: 0,
    stdout: 'removed generic/_/v1\n',
  });
  t.match(
    await set.cachalot(['rm', '--key', 'v1'], { env: { ...jenkins, BRANCH_NAME: 'feature' } }),
    { stdout: '' },
    'not main’s',
  );
});

test('without a credential that counts a build goes on without the cache, and says why in a line', async (t) => {
  const set = place(t);
  set.env.CACHALOT_SERVER_AUTH_REQUIRED = 'true';
  await set.serve();
  const admin = adminOf(set);
  const build = buildOf(set);
  const { token } = await admin(
    'create',
    '--project',
    'shop',
    '--tier',
    'trusted',
    '--write-ref',
    'refs/heads/main',
  );
  const id = token.split('_')[1] ?? '';
  const main = { CACHALOT_TOKEN: token, CONTENT: 'x' };
  t.notMatch((await build(main)).stderr, /credential/, 'a token for one ref need not name it');
  t.match(await admin('list'), {
    status: 0,
    stdout: new RegExp(`${id} +shop +static:shop +trusted +refs/heads/main .* never`),
  });
  t.match(await admin('revoke', id), { status: 0, stdout: `revoked ${id}\n` });
  for (const [env, says] of [
    [main, /The credential is refused: it is not one that this server knows/],
    [{ CONTENT: 'x' }, /A credential is needed.*CACHALOT_TOKEN/],
    [{ CONTENT: 'x', CACHALOT_REF: 'a b' }, /CACHALOT_REF/],
  ] as const) {
    const { status, stderr, content } = await build(env);
    t.match({ status, stderr, content }, { status: 0, stderr: says, content: 'x' });
    t.equal(stderr.trimEnd().split('\n').length, 1, stderr);
  }
  t.equal((await build({ CONTENT: 'x' }, '--strict')).status, 77);
  t.match(await admin('create', '--project', 'shop', '--tier', 'trusted', '--expires', 'soon'), {
    status: 64,
    stderr: /--expires/,
  });
});

test('an untrusted build restores and saves a tree of its own, times and details too', async (t) => {
  const set = place(t);
  set.env.CACHALOT_SERVER_AUTH_REQUIRED = 'true';
  await set.serve();
  const admin = adminOf(set);
  const { token } = await admin('create', '--project', 'shop', '--tier', 'untrusted');
  const env = { CACHALOT_TOKEN: token, CACHALOT_REF: 'refs/pull/7/merge' };
  mkdirSync(join(set.folder, 'out'));
  for (const name of ['a', 'b']) writeFileSync(join(set.folder, 'out', name), name.repeat(3_000_000));
  const save = ['save', '--strict', '--path', 'out', '--key'];
  t.match(await set.cachalot([...save, 'v1'], { env }), { status: 0, stderr: /saved 2 files/ });
  writeFileSync(join(set.folder, 'out/b'), 'c');
  t.match(await set.cachalot([...save, 'v2'], { env }), { status: 0, stderr: /saved 2 files/ });
  rmSync(join(set.folder, 'out'), { recursive: true });
  const restored = await set.cachalot(
    ['restore', '--strict', '--key', 'v2', '--path', 'out', '--fail-on-miss', '--verify', 'full'],
    { env },
  );
  t.equal(restored.status, 0, restored.stderr);
  t.equal(readFileSync(join(set.folder, 'out/b'), 'utf8'), 'c');
  t.equal(readFileSync(join(set.folder, 'out/a'), 'utf8').length, 3_000_000);
  const { stdout: lines } = await set.cachalot(['inspect', 'v2', '--curl'], { env });
  t.notOk(lines.includes(token));
  mkdirSync(join(set.folder, 'plain'));
  const plain = await set.run('bash', ['-c', lines], { folder: join(set.folder, 'plain'), env });
  t.equal(plain.status, 0, plain.stderr);
  t.equal(readFileSync(join(set.folder, 'plain/out/b'), 'utf8'), 'c');
});
