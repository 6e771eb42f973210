/** What a record of scripts can start: what the checkout's own package.json says, and nothing else. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { readRecord, writeRecord } from '#runner-plugin/fingerprint/npm/scripts/record.ts';
import { readyScripts, replay } from '#runner-plugin/fingerprint/npm/scripts/replay.ts';
import type { ReplayContext } from '#runner-plugin/fingerprint/plan.ts';

function checkout(t: Test): { folder: string; record: string } {
  const json = (name: string, scripts: object) => JSON.stringify({ name, version: '1.0.0', scripts });
  const folder = t.testdir({
    project: {
      'package.json': json('project', { postinstall: 'husky', prepare: 'tsc' }),
      a: { 'package.json': json('a', { install: 'make' }) },
      stranger: { 'package.json': json('stranger', { install: 'make' }) },
    },
  });
  return { folder: join(folder, 'project'), record: join(folder, 'state', 'record.json') };
}

const script = (folder: string, event: string) => ({ folder, event, place: {} });

test('a record is read as it was written, and holds no value that may be secret', async (t) => {
  const { record } = checkout(t);
  await writeRecord(record, [
    { folder: 'a', event: 'install', place: { npm_package_dev: '1', npm_config__auth: 's3cret' } },
  ]);
  t.same(await readRecord(record), [{ folder: 'a', event: 'install', place: { npm_package_dev: '1' } }]);
  for (const text of ['', '{}', '{"form":2,"scripts":[]}', '{"form":1,"scripts":[{"folder":1}]}']) {
    writeFileSync(record, text);
    await t.rejects(readRecord(record), { code: 'INPUT_UNREADABLE' }, text);
  }
});

test('a script that package.json does not have, or of a stranger, is refused', async (t) => {
  const { folder, record } = checkout(t);
  for (const one of [script('', 'preinstall'), script('stranger', 'install'), script('../..', 'install')]) {
    await writeRecord(record, [one]);
    await t.rejects(readyScripts(record, folder, ['a']), { code: 'INPUT_UNREADABLE' }, JSON.stringify(one));
  }
});

test('they run in the recorded order, each in its folder; the first that fails ends it', async (t) => {
  const { folder, record } = checkout(t);
  await writeRecord(record, [script('a', 'install'), script('', 'postinstall'), script('', 'prepare')]);
  const ran: unknown[] = [];
  const context: ReplayContext = {
    env: { OWN: 'x' },
    tell: () => undefined,
    async run(command, { folder: where, quiet, env }) {
      ran.push([command.at(-1), where.slice(folder.length), quiet, env.OWN, env.npm_config_script_shell]);
      return command.at(-1) === 'husky' ? 3 : 0;
    },
  };
  const scripts = await readyScripts(record, folder, ['a']);
  const of = { folder, given: { npm_config_script_shell: 'ours' }, userShell: undefined, command: 'ci' };
  const linkBins = async () => void ran.push('bins');
  t.equal(await replay({ ...of, foreground: false, scripts, linkBins }, context), 3);
  t.same(ran, ['bins', ['make', '/a', true, 'x', undefined], ['husky', '', false, 'x', undefined]]);
});

test('bins of links become executable when their prepare has made them, before their install', async (t) => {
  const { folder, record } = checkout(t);
  writeFileSync(
    join(folder, 'a', 'package.json'),
    JSON.stringify({ name: 'a', scripts: { prepare: 'tsc', install: 'make' } }),
  );
  await writeRecord(record, [script('', 'postinstall'), script('a', 'prepare'), script('a', 'install')]);
  const ran: unknown[] = [];
  const context: ReplayContext = {
    env: {},
    tell: () => undefined,
    run: async (command) => {
      ran.push(command.at(-1));
      return 0;
    },
  };
  const scripts = await readyScripts(record, folder, ['a']);
  const linkBins = async () => void ran.push('bins');
  await replay(
    { folder, given: {}, userShell: undefined, command: 'ci', foreground: false, scripts, linkBins },
    context,
  );
  t.same(ran, ['husky', 'tsc', 'bins', 'make']);
});
