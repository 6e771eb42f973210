/** cachalot.json: what it adds to keys, the entry that it may describe, and what it may not say. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Test, test } from 'tap';
import type { Detection } from '#runner-plugin/fingerprint/plan.ts';
import { ownPlan, readProjectFile } from '#runner-plugin/fingerprint/project-file.ts';

function projectOf(t: Test, file: unknown, files: Record<string, string> = {}): string {
  const folder = t.testdir({ '.git': {} });
  const all = { ...files, 'cachalot.json': typeof file === 'string' ? file : JSON.stringify(file) };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

function detectionIn(folder: string, env: Record<string, string> = {}): Detection {
  return { folder, env, home: '/home/me', skipInstall: 'understood' };
}

test('inputs are files by their content, named one by one, and variables by their value', async (t) => {
  const file = { inputs: ['conf/**', '!conf/local', '*.toml', 'env:TARGET'] };
  const files = { 'conf/a/x': '1', 'conf/y': '2', 'conf/local': '3', 'b.toml': '4', other: '5' };
  const folder = projectOf(t, file, files);
  const inputsOf = async (env: Record<string, string> = {}) =>
    (await readProjectFile(detectionIn(folder, env)))?.inputs ?? [];
  const [found, target] = await inputsOf({ TARGET: 'arm' });
  t.equal(found?.name, 'files');
  t.same(
    found?.detail?.map(([path]) => path),
    ['b.toml', 'conf/a/x', 'conf/y'],
  );
  t.equal(target?.name, 'env TARGET');
  t.equal(target?.detail, undefined, 'a value is known by its digest alone');
  const digest = async (env: Record<string, string> = {}) =>
    (await inputsOf(env)).map((input) => input.digest).join();
  const before = await digest({ TARGET: 'arm' });
  t.not(await digest({ TARGET: 'x64' }), before);
  t.not(await digest(), await digest({ TARGET: '' }), 'unset is not empty');
  writeFileSync(join(folder, 'conf/local'), 'changed');
  writeFileSync(join(folder, 'other'), 'changed');
  t.equal(await digest({ TARGET: 'arm' }), before);
  writeFileSync(join(folder, 'conf/a/x'), 'changed');
  const edited = await digest({ TARGET: 'arm' });
  t.not(edited, before);
  symlinkSync('y', join(folder, 'conf/link'));
  t.not(await digest({ TARGET: 'arm' }), edited, 'a link counts by where it leads');
});

test('the nearest one holds, up to the root of the repository', async (t) => {
  const folder = projectOf(
    t,
    { kind: 'npm' },
    { 'a/cachalot.json': '{"kind":"maven"}', 'a/b/x': '', 'c/x': '' },
  );
  t.equal((await readProjectFile(detectionIn(join(folder, 'a/b'))))?.kind, 'maven');
  t.equal((await readProjectFile(detectionIn(join(folder, 'c'))))?.kind, 'npm');
  mkdirSync(join(folder, 'c/.git'));
  t.equal(await readProjectFile(detectionIn(join(folder, 'c'))), undefined);
});

test('with paths it is an entry of its own, whose key is made of the inputs', async (t) => {
  const written = { paths: ['generated', '~/.cache/gen'], inputs: ['schema/*'] };
  const folder = projectOf(t, written, { 'schema/a': '1' });
  const planIn = async () => {
    const detection = detectionIn(folder);
    const file = await readProjectFile(detection);
    return ownPlan(file ?? (t.fail('no file') as never), file?.paths ?? [], detection);
  };
  const plan = await planIn();
  t.match(plan.fingerprint.key, /^generic\/cachalot\.json\/[0-9a-f]{64}$/);
  t.same(
    plan.roots.map(({ root, place }) => [root, place]),
    [
      ['workspace:generated', join(folder, 'generated')],
      ['home:.cache/gen', '/home/me/.cache/gen'],
    ],
  );
  t.same(plan.nearKeys, []);
  writeFileSync(join(folder, 'schema/a'), '2');
  t.not((await planIn()).fingerprint.key, plan.fingerprint.key);
});

test('what cannot be meant is refused, with the field and the reason', async (t) => {
  const cases: [unknown, RegExp][] = [
    ['{', /not JSON/],
    ['null', /no JSON object/],
    ['[]', /no JSON object/],
    [{ keys: [] }, /keys in cachalot\.json.*there are kind, inputs and paths/],
    [{ kind: 1 }, /kind/],
    [{ inputs: 'x' }, /inputs.*list/],
    [{ inputs: [] }, /inputs.*list/],
    [{ inputs: [''] }, /inputs.*list/],
    [{ inputs: ['a/**/../b'] }, /inputs.*\.\./],
    [{ paths: ['x'] }, /paths.*inputs are needed/],
    [{ paths: ['x/*'], inputs: ['y'] }, /paths.*wildcards/],
    [{ paths: ['x'], inputs: ['y'], kind: 'npm' }, /kind.*entry of their own/],
  ];
  for (const [file, message] of cases) {
    const folder = projectOf(t, file);
    await t.rejects(
      readProjectFile(detectionIn(folder)),
      { code: 'SETTING_INVALID', message },
      JSON.stringify(file),
    );
  }
});
