/** The handles that users of caches ask for, as they are typed: what is listed, removed, replaced, left out, kept apart. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { place, readReport } from './cachalot.ts';

test('ls and rm: by key, prefix and kind', async (t) => {
  const { cachalot, folder, serve } = place(t);
  await serve();
  writeFileSync(join(folder, 'file'), 'x');
  for (const key of ['app-1', 'app-2', 'tool-1'])
    t.equal((await cachalot(['save', '--key', key, '--path', 'file'])).status, 0);
  writeFileSync(join(folder, 'Gemfile.lock'), '');
  const bundle = [
    'run',
    '--kind',
    'bundler',
    '--',
    'sh',
    '-c',
    'mkdir -p vendor/bundle; echo x > vendor/bundle/x',
  ];
  t.equal((await cachalot(bundle)).status, 0);
  const keys = async (...flags: string[]): Promise<string[]> => {
    const { stdout } = await cachalot(['ls', '--json', ...flags]);
    return JSON.parse(stdout).map(({ key }: { key: string }) => key.replace(/[0-9a-f]{64}/, '…'));
  };
  t.same((await keys()).sort(), ['bundler/_/…', 'generic/_/app-1', 'generic/_/app-2', 'generic/_/tool-1']);
  t.same((await keys('--prefix', 'app-')).sort(), ['generic/_/app-1', 'generic/_/app-2']);
  t.same(await keys('--key', 'app-'), [], 'a key is whole');
  t.same(await keys('--key', 'tool-1'), ['generic/_/tool-1']);
  t.same(await keys('--kind', 'bundler'), ['bundler/_/…']);
  t.same(await keys('--kind', 'generic', '--limit', '1'), ['generic/_/tool-1'], 'the newest');
  t.match(await cachalot(['ls', '--limit', '0']), { status: 64, stderr: /--limit takes a whole number/ });

  t.match(
    await cachalot(['rm']),
    { status: 64, stderr: /--key, --prefix, --kind or --ref/ },
    'never everything',
  );
  t.match(await cachalot(['rm', '--prefix', 'nobody-']), { status: 0, stderr: /there is no such entry/ });
  t.match(
    await cachalot(['rm', '--prefix', 'app-', '--kind', 'bundler']),
    { stderr: /no such entry/ },
    'both hold',
  );
  const removed = (await cachalot(['rm', '--prefix', 'app-'])).stdout.trim().split('\n').sort();
  t.same(removed, ['removed generic/_/app-1', 'removed generic/_/app-2']);
  t.equal((await cachalot(['rm', '--kind', 'bundler'])).status, 0);
  t.same(await keys(), ['generic/_/tool-1']);
});

test('run and save: replace, refresh, no restore, no save, a salt, and when to save', async (t) => {
  const { cachalot, folder, serve } = place(t);
  await serve();
  const out = join(folder, 'out');
  const found = async (key: string): Promise<string> => {
    rmSync(out, { recursive: true, force: true });
    await cachalot(['restore', '--key', key, '--path', 'out']);
    return existsSync(out) ? readFileSync(join(out, 'file'), 'utf8') : 'nothing';
  };
  const run = async (key: string, content: string, flags: string[], env: Record<string, string> = {}) => {
    rmSync(out, { recursive: true, force: true });
    const report = join(folder, 'report.json');
    const script = `[ -e out/file ] && exit 0; mkdir -p out; printf ${content} > out/file; ${content === 'failing' ? 'exit 3' : ''}`;
    const words = [
      'run',
      ...flags,
      '--key',
      key,
      '--path',
      'out',
      '--report',
      report,
      '--',
      'sh',
      '-c',
      script,
    ];
    const done = await cachalot(words, { env });
    return { ...done, ...readReport(report, done) };
  };
  mkdirSync(out);
  for (const [content, flags] of [
    ['one', []],
    ['two', ['--replace']],
  ] as const) {
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, 'file'), content);
    t.equal((await cachalot(['save', '--key', 'a', '--path', 'out', ...flags])).status, 0);
    t.equal(await found('a'), content);
  }
  t.match(await run('a', 'three', []), { hit: 'exact' });
  t.match(await run('a', 'three', ['--refresh']), { hit: 'none', reason: 'it is to be refreshed' });
  t.equal(await found('a'), 'three');
  t.match(await run('a', 'four', ['--no-restore']), { hit: 'none', reason: 'nothing is to be restored' });
  t.equal(await found('a'), 'three', 'the first save of a key wins');
  t.match(await run('a', 'four', ['--salt', 's']), { hit: 'none' });
  t.equal(await found('a'), 'three');
  t.match(await run('a', 'five', ['--salt', 's']), { hit: 'exact' });
  t.match(await run('a', 'five', [], { CACHALOT_SALT: 's' }), { hit: 'exact' }, 'as the variable has it');

  const branch = (name: string) => ({ GITLAB_CI: 'true', CI_COMMIT_BRANCH: name, CI_DEFAULT_BRANCH: 'main' });
  for (const [content, flags, env, saved] of [
    ['b', ['--no-save'], {}, false],
    ['c', ['--save', 'never'], {}, false],
    ['d', ['--no-save', '--save', 'always'], {}, true],
    ['e', ['--save', 'success'], {}, true],
    ['failing', ['--save', 'success'], {}, false],
    ['failing', ['--save', 'always'], {}, true],
    ['f', ['--save', 'default-branch'], branch('work'), false],
    ['g', ['--save', 'default-branch'], branch('main'), true],
    ['h', [], { CACHALOT_READ_ONLY: '1' }, false],
  ] as const) {
    const key = `key-${content}-${flags.join('')}`;
    const done = await run(key, content, [...flags], env);
    t.equal(done.status, content === 'failing' ? 3 : 0);
    t.equal(/: saved 1 file/.test(done.stderr), saved, `${content} ${flags.join(' ')}: ${done.stderr}`);
  }
});

test('cachalot.json: each mistake is one line that names the field, and the build goes on', async (t) => {
  const { cachalot, folder, serve } = place(t);
  await serve();
  writeFileSync(join(folder, 'Gemfile.lock'), '');
  for (const [file, line] of [
    ['{ "input": ["x"] }', /input in cachalot\.json.*there are kind, inputs and paths/],
    ['{ "inputs": "x" }', /inputs in cachalot\.json.*a list of texts is needed/],
    ['{ "kind": "cobol" }', /kind in cachalot\.json.*There is no kind cobol/],
    ['{ "paths": ["out"] }', /paths in cachalot\.json.*inputs are needed/],
    [
      '{ "inputs": ["Gemfile.lock", "schema/**", "!x"] }',
      /inputs in cachalot\.json: nothing matches schema\/\*\*/,
    ],
  ] as const) {
    writeFileSync(join(folder, 'cachalot.json'), file);
    const done = await cachalot(['run', '--', 'echo', 'built']);
    t.match(done, { status: 0, stdout: 'built\n', stderr: line }, done.stderr);
    t.equal(done.stderr.split('\n').filter((one) => /cachalot\.json/.test(one)).length, 1, done.stderr);
  }
});
