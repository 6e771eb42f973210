/** The shell that npm is given: it tells of scripts of the project and its links, and is the user's own to all that it starts. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Test, test } from 'tap';
import { Recorder, type ScriptCall } from '#runner-plugin/fingerprint/npm/scripts/recorder.ts';
import { need } from '../../../../needs.ts';

const run = promisify(execFile);
const ROOT = "/work/it's here";

/** Starts a script as npm would. */
async function recorder(
  t: Test,
  heard: (call: ScriptCall) => void | Promise<void>,
  options: { userShell?: string; hidden?: string[] } = {},
) {
  const { userShell, hidden = [] } = options;
  const started = await Recorder.start({ root: ROOT, userShell, hidden }, async (call) => heard(call));
  t.teardown(() => started.close());
  const shell = started.env.npm_config_script_shell ?? '';
  return {
    started,
    shell,
    async script(text: string, env: Record<string, string>) {
      const all = { PATH: process.env.PATH, npm_config_script_shell: shell, ...env };
      return (await run(shell, ['-c', text], { env: all })).stdout;
    },
  };
}

const OWN = { npm_package_json: `${ROOT}/package.json`, npm_lifecycle_event: 'prepare', TOKEN: 's3cret' };

test('a script of the project is told of before it runs, without what may be secret', async (t) => {
  const calls: ScriptCall[] = [];
  const { script, started } = await recorder(t, (call) => void calls.push(call));
  t.equal(
    await script('echo "$TOKEN $below"; printenv npm_config_script_shell || echo none', OWN),
    's3cret \nnone\n',
  );
  t.match(calls, [{ args: ['-c', /echo/], env: { npm_lifecycle_event: 'prepare', TOKEN: undefined } }]);
  await started.settled();
});

test('npm waits until the listener is done, one script after the other', async (t) => {
  const order: string[] = [];
  const { script } = await recorder(t, async ({ args }) => {
    order.push(`hears ${args[1]}`);
    await new Promise((resolve) => setImmediate(resolve));
    order.push(`is done with ${args[1]}`);
  });
  await Promise.all([script(': a', OWN), script(': b', OWN)]);
  t.equal(order[0]?.replace('hears', 'is done with'), order[1]);
  t.equal(order.length, 4);
});

test('a package below node_modules is nobody’s business', async (t) => {
  const calls: ScriptCall[] = [];
  const { script } = await recorder(t, (call) => void calls.push(call));
  for (const place of ['node_modules/x', 'packages/a/node_modules/@y/z'])
    t.equal(await script('echo ran', { npm_package_json: `${ROOT}/${place}/package.json` }), 'ran\n');
  t.same(calls, []);
});

test('the user’s shell is what runs them, and what they see', async (t) => {
  if (!need(t, 'bash')) return;
  const { script } = await recorder(t, () => undefined, { userShell: '/bin/bash', hidden: ['OURS'] });
  const seen = await script('echo "$BASH $npm_config_script_shell"; printenv OURS || echo none', {
    ...OWN,
    OURS: 'x',
  });
  t.equal(seen, '/bin/bash /bin/bash\nnone\n');
});

test('an npm that npx starts has our shell again', async (t) => {
  const calls: ScriptCall[] = [];
  const { script, shell } = await recorder(t, (call) => void calls.push(call));
  const seen = await script('echo "$npm_config_script_shell"', { ...OWN, npm_lifecycle_event: 'npx' });
  t.equal(seen, `${shell}\n`);
  t.same(calls, []);
});

test('a listener that fails keeps no script from running, and is heard of afterwards', async (t) => {
  const { script, started } = await recorder(t, () => Promise.reject(new Error('a mistake')));
  t.equal(await script('echo ran', OWN), 'ran\n');
  await t.rejects(started.settled(), { message: 'a mistake' });
});

test('when it is closed nothing is left, and a script that is late runs all the same', async (t) => {
  const { started, shell } = await recorder(t, () => undefined);
  const folder = dirname(shell);
  t.ok(existsSync(join(folder, 'tell.cjs')));
  await started.close();
  t.notOk(existsSync(folder));
});
