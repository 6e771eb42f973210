/** Which plans hold for a folder and a command, and what cachalot.json changes about them. */
import { test } from 'tap';
import { detectPlans } from '#runner-plugin/step/detect.ts';
import { run } from '#runner-plugin/step/run.ts';
import { why } from '#runner-plugin/step/why.ts';
import { kindOf } from './plans.ts';
import { realServer, stage } from './stage.ts';

const KINDS = { ...kindOf('one', 'lock'), ...kindOf('two', 'lock') };

test('the flag says the kind, else cachalot.json, else the program, else all that are found', async (t) => {
  const set = stage(t, {});
  set.write({ lock: 'a 1\n' });
  const context = { ...set.context, kinds: KINDS };
  const kinds = async (options: { kind?: string; command?: string[] }) =>
    (await detectPlans(context, options)).map(({ fingerprint }) => fingerprint.kind);
  t.same(await kinds({}), ['one', 'two']);
  t.same(await kinds({ command: ['two', 'install'] }), ['two']);
  set.write({ 'cachalot.json': '{ "kind": "one" }' });
  t.same(await kinds({ command: ['two', 'install'] }), ['one']);
  t.same(await kinds({ kind: 'two' }), ['two']);
  await t.rejects(kinds({ kind: 'three' }), { code: 'USAGE', message: /there are one, two/ });
  set.write({ 'cachalot.json': '{ "kind": "three" }' });
  await t.rejects(kinds({}), { code: 'SETTING_INVALID', message: /there are one, two/ });
});

test('--kind npm means whichever of npm, pnpm and yarn the project uses', async (t) => {
  const set = stage(t, {});
  set.write({ lock: 'a 1\n' });
  const context = {
    ...set.context,
    kinds: { ...kindOf('npm', 'none'), ...kindOf('pnpm', 'lock'), ...kindOf('go', 'lock') },
  };
  const plans = await detectPlans(context, { kind: 'npm' });
  t.same(
    plans.map(({ fingerprint }) => fingerprint.kind),
    ['pnpm'],
  );
});

test('its inputs are part of every key, and a miss names the file that changed', async (t) => {
  const set = stage(t, { CACHALOT_URL: (await realServer(t)).url });
  const context = { ...set.context, kinds: kindOf('one', 'lock', () => ({}), 'inputs') };
  set.write({ lock: 'a 1\n', 'conf/x': '1', 'cachalot.json': '{ "inputs": ["conf/*"] }' });
  const command = set.command('mkdir -p lock-deps && echo built > lock-deps/file');
  t.equal((await run(context, { command })).report.hit, 'none');
  t.equal((await run(context, { command })).report.hit, 'exact');
  set.write({ 'conf/x': '2' });
  const { answers } = await why(context, {});
  t.equal(answers[0]?.hit, 'none');
  t.match(JSON.stringify(answers[0]?.differences), /files.*conf\/x/);
});

test('its own entry is restored and saved by its inputs', async (t) => {
  const set = stage(t, { CACHALOT_URL: (await realServer(t)).url });
  const context = { ...set.context, kinds: KINDS };
  set.write({ lock: 'a 1\n', schema: '1', 'cachalot.json': '{ "paths": ["out"], "inputs": ["schema"] }' });
  const command = set.command('mkdir -p out && cat schema > out/generated');
  const first = await run(context, { command });
  t.match(first.report, { kind: 'generic', hit: 'none' }, 'and nothing else is cached');
  set.write({ 'out/generated': 'broken' });
  const second = await run(context, { command: set.command('true') });
  t.equal(second.report.hit, 'exact');
  t.equal(set.read('out/generated'), '1');
});

test('one that cannot be read costs the cache and not the build', async (t) => {
  const set = stage(t, { CACHALOT_URL: (await realServer(t)).url });
  const context = { ...set.context, kinds: KINDS };
  set.write({ lock: 'a 1\n', 'cachalot.json': '{ "input": [] }' });
  const { status, report } = await run(context, { command: set.command('exit 3') });
  t.equal(status, 3);
  t.equal(report.warnings[0]?.code, 'SETTING_INVALID');
  t.equal(set.runs(), 1);
  t.equal((await run(context, { command: set.command('true'), strict: true })).status, 64);
});

test('a project of which nothing is left to save is no fault, and its kind is its title where it has no name', async (t) => {
  const set = stage(t, { CACHALOT_URL: (await realServer(t)).url });
  const context = { ...set.context, kinds: kindOf('one', 'lock', () => ({}), '_') };
  set.write({ lock: '' });
  const { status, report } = await run(context, { command: set.command('true'), strict: true });
  t.equal(status, 0);
  t.same(report.warnings, []);
  t.match(set.lines.join('\n'), /^one: there is nothing to save$/m);
});
