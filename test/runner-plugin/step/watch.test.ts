/** What a plan that watches a command can have a say in: how it is called, and which files are kept (fingerprint/plan.ts). */
import tap, { test } from 'tap';
import type { Manifest } from '#protocol/format/manifest.ts';
import type { Plan } from '#runner-plugin/fingerprint/plan.ts';
import { run } from '#runner-plugin/step/run.ts';
import type { Teardown } from '../client/servers.ts';
import { kindOf } from './plans.ts';
import { realServer, stage } from './stage.ts';

const shared = await realServer(tap);

function project(t: Teardown, name: string, watch: Plan['watch']) {
  const set = stage(t, { CACHALOT_URL: shared.url });
  set.write({ lock: 'a 1.0\n' });
  const kinds = kindOf('maven', 'lock', (): Partial<Plan> => (watch === undefined ? {} : { watch }), name);
  return {
    ...set,
    run: (script: string) => run({ ...set.context, kinds }, { command: set.command(script) }),
  };
}

test('a watch is asked whatever was found, and told last that it is over', async (t) => {
  const said: string[] = [];
  const watch: Plan['watch'] = async (restored: Manifest | undefined) => {
    said.push(restored === undefined ? 'nothing was restored' : 'it was restored');
    return {
      gained: async () => {
        said.push('asked what came');
        return undefined;
      },
      close: async () => {
        said.push('over');
      },
    };
  };
  await project(t, 'asked', watch).run('mkdir lock-deps && touch lock-deps/a');
  t.same(said.splice(0), ['nothing was restored', 'over'], 'what came counts after an exact hit only');
  await project(t, 'asked', watch).run('true');
  t.same(said.splice(0), ['it was restored', 'asked what came', 'over']);
  await project(t, 'asked', watch).run('exit 3');
  t.equal(said.at(-1), 'over');
});

test('a watch hands over variables, and says which files are kept', async (t) => {
  const watch: Plan['watch'] = async () => ({
    handOver: { env: { WATCHED: 'yes' } },
    gained: async () => undefined,
    select: async (status) => (status === 0 ? ['a'] : ['b']),
  });
  const first = project(t, 'kept', watch);
  await first.run('mkdir lock-deps && touch lock-deps/a lock-deps/b && printf %s "$WATCHED" > said');
  t.equal(first.read('said'), 'yes');
  const second = project(t, 'kept', undefined);
  await second.run('true');
  t.equal(second.read('lock-deps/a'), '');
  t.equal(second.read('lock-deps/b'), undefined);
});

test('a watch that cannot be closed is a fault of the cache', async (t) => {
  const watch: Plan['watch'] = async () => ({
    gained: async () => undefined,
    close: async () => {
      throw new Error('no');
    },
  });
  t.match(await project(t, 'closed', watch).run('mkdir lock-deps && touch lock-deps/a'), { status: 0 });
});
