/** Roots that are taken while the command runs, and what is done in place of a command that a hit stands for (fingerprint/plan.ts). */
import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import tap, { test } from 'tap';
import type { Plan, WatchContext } from '#runner-plugin/fingerprint/plan.ts';
import { type RunOptions, type RunOutcome, run } from '#runner-plugin/step/run.ts';
import type { Teardown } from '../client/servers.ts';
import { kindOf } from './plans.ts';
import { realServer, type Stage, stage } from './stage.ts';

const server = await realServer(tap);
let projects = 0;

interface Project extends Stage {
  run(options?: Partial<RunOptions>): Promise<RunOutcome>;
  fresh(): Project;
}

/** The tree is one file, and the command adds a line to it after it was taken. */
function project(t: Teardown, change: (set: Stage, plan: Plan) => Partial<Plan>): Project {
  const name = `take-${projects++}`;
  const open = (): Project => {
    const set = stage(t, { CACHALOT_URL: server.url });
    set.write({ lock: 'a 1.0\n' });
    const kinds = kindOf(
      'npm',
      'lock',
      (plan) => ({ install: { onHit: 'skip' }, ...change(set, plan) }),
      name,
    );
    const command = set.command('echo changed >> lock-deps/tree; echo also > late');
    return {
      ...set,
      run: (options = {}) => run({ ...set.context, kinds }, { command, ...options }),
      fresh: open,
    };
  };
  return open();
}

/** Takes the tree as the command begins: in place of a recorder that is told so by it. */
function takes(
  set: Stage,
  plan: Plan,
  more: (context: WatchContext) => void = () => undefined,
): Partial<Plan> {
  const late = { root: 'workspace:late', place: join(set.folder, 'late') };
  return {
    roots: [...plan.roots, { ...late, restore: 'replace', modes: 'executable' }],
    async watch(restored, context) {
      if (restored === undefined && context.saves) {
        mkdirSync(join(set.folder, 'lock-deps'));
        writeFileSync(join(set.folder, 'lock-deps/tree'), 'as it was\n');
        await context.take(['workspace:lock-deps']);
      }
      more(context);
      return { gained: async () => undefined };
    },
  };
}

const saved = ({ lines }: Stage) => lines.some((line) => line.includes(': saved '));

test('an entry holds what was taken as it was then, and the rest as the command left it', async (t) => {
  const first = project(t, takes);
  t.match((await first.run()).report, { hit: 'none', warnings: [] });
  t.equal(first.read('lock-deps/tree'), 'as it was\nchanged\n');
  const second = first.fresh();
  t.match((await second.run()).report, { hit: 'exact', skipped: true });
  t.equal(second.read('lock-deps/tree'), 'as it was\n');
  t.equal(second.read('late'), 'also\n');
});

test('nothing is taken where nothing may be saved', async (t) => {
  const seen: boolean[] = [];
  const set = project(t, (at, plan) => takes(at, plan, ({ saves }) => seen.push(saves)));
  mkdirSync(join(set.folder, 'lock-deps'));
  await set.run({ noSave: true });
  await set.run({ save: 'never' });
  t.same(seen, [false, false]);
});

test('where inputs changed after the taking, or it failed, nothing is saved', async (t) => {
  const moved = project(t, (set, plan) =>
    takes(set, plan, () => appendFileSync(join(set.folder, 'lock'), 'b 1\n')),
  );
  t.equal((await moved.run()).status, 0);
  t.notOk(saved(moved));
  const failed = project(t, (set, plan) => ({
    ...takes(set, plan),
    async watch(_, context) {
      rmSync(join(set.folder, 'lock'));
      mkdirSync(join(set.folder, 'lock-deps'));
      await context.take(['workspace:lock-deps']);
      set.write({ lock: 'a 1.0\n' });
      return { gained: async () => undefined };
    },
  }));
  t.equal((await failed.run()).status, 0);
  t.notOk(saved(failed));
});

test('a watch that fails when the command has ended keeps its tree from being saved', async (t) => {
  const set = project(t, ({ folder }) => ({
    watch: async () => ({
      gained: async () => undefined,
      async ended() {
        writeFileSync(join(folder, 'told'), 'x');
        throw new Error('it was not followed');
      },
    }),
  }));
  mkdirSync(join(set.folder, 'lock-deps'));
  const { status, report } = await set.run();
  t.match(report.warnings, [{ code: 'CLIENT_INTERNAL' }]);
  t.equal(status, 0);
  t.ok(existsSync(join(set.folder, 'told')));
  t.notOk(saved(set));
});

test('what a skipped command would have done beside is done, and its status is ours', async (t) => {
  const replays = (script: string) => (set: Stage, plan: Plan) => ({
    ...takes(set, plan),
    replay: ({ run: start, env }: Parameters<NonNullable<Plan['replay']>>[0]) =>
      start(['sh', '-c', script], { folder: set.folder, env, quiet: false }),
  });
  const first = project(t, replays('echo ran >> replayed; exit 5'));
  t.equal((await first.run()).status, 0, 'not after a miss');
  t.equal(first.read('replayed'), undefined);
  const second = first.fresh();
  t.match(await second.run(), { status: 5, report: { hit: 'exact', skipped: true } });
  t.equal(second.read('replayed'), 'ran\n');
  t.equal(second.runs(), 0);
});

test('where that cannot be done at all, the command itself runs', async (t) => {
  const first = project(t, (set, plan) => ({
    ...takes(set, plan),
    replay: async () => Promise.reject(new Error('a mistake')),
  }));
  await first.run();
  const second = first.fresh();
  t.match(await second.run(), {
    status: 0,
    report: { skipped: false, warnings: [{ code: 'CLIENT_INTERNAL' }] },
  });
  t.equal(second.runs(), 1);
});
