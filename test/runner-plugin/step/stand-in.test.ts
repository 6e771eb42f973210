/** What a tool has cached, saved beside its tree, and in reach of a command that has to run (fingerprint/plan.ts, StandIn). */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import tap, { test } from 'tap';
import { CUTS } from '#protocol/format/limits.ts';
import { fingerprintOf, type RootPlan, valueInput } from '#runner-plugin/fingerprint/fingerprint.ts';
import type { Plan, StandIn } from '#runner-plugin/fingerprint/plan.ts';
import { type RunOptions, type RunOutcome, run } from '#runner-plugin/step/run.ts';
import { bodyOf, httpServer, type Teardown } from '../client/servers.ts';
import { kindOf } from './plans.ts';
import { realServer, type Stage, stage } from './stage.ts';

/** Fills the tree from the store, and the store from nowhere. */
const INSTALL =
  'mkdir -p store lock-deps; for v in $(cut -d" " -f2 lock); do echo $v > store/$v; done; cp lock lock-deps/installed';

const server = await realServer(tap);
let projects = 0;

interface Project extends Stage {
  name: string;
  run(script?: string, options?: Partial<RunOptions>): Promise<RunOutcome>;
  /** The same project on another runner. */
  fresh(other?: Partial<StandIn>): Project;
}

function project(
  t: Teardown,
  change: (plan: Plan) => Partial<Plan> = () => ({}),
  more: Partial<StandIn> = {},
  url = server.url,
): Project {
  const name = `stand-in-${projects++}`;
  const open = (other: Partial<StandIn> = {}): Project => {
    const set = stage(t, { CACHALOT_URL: url });
    set.write({ lock: 'a 1.0\nb 2.0\n' });
    const kinds = kindOf(
      'npm',
      'lock',
      (plan) => ({
        install: { onHit: 'skip' },
        standIn: standInOf(set, plan, { ...more, ...other }),
        ...change(plan),
      }),
      name,
    );
    const context = { ...set.context, kinds };
    return {
      ...set,
      name,
      context,
      run: (script = INSTALL, options = {}) => run(context, { command: set.command(script), ...options }),
      fresh: open,
    };
  };
  return open();
}

function standInOf({ folder }: Stage, { fingerprint: { name } }: Plan, more: Partial<StandIn>): StandIn {
  const lock = readFileSync(join(folder, 'lock'), 'utf8');
  const fingerprint = fingerprintOf('npm-store', name, [valueInput('lock', lock)]);
  return {
    fingerprint,
    // Named as if at home, and elsewhere on this machine: tools' settings say where a store is.
    roots: [{ root: 'home:.store', place: join(folder, 'store'), restore: 'merge', modes: 'executable' }],
    cut: CUTS.default,
    keepTimes: false,
    nearKeys: [`npm-store/${name}/`],
    env: { OFFLINE_FIRST: 'yes' },
    ...more,
  };
}

/** Whether something was said about the stand-in that begins like this. */
const said = ({ lines, name }: Project, text: string) =>
  lines.some((line) => line.startsWith(`npm-store ${name}: ${text}`));

test('it is saved beside the tree, and left alone where the tree is there', async (t) => {
  const first = project(t);
  t.match((await first.run()).report, { hit: 'none', entries: undefined });
  t.ok(said(first, 'saved'));
  const second = first.fresh();
  t.match((await second.run()).report, { hit: 'exact', skipped: true, entries: undefined });
  t.equal(second.read('store/1.0'), undefined);
  t.notOk(said(second, ''), 'not a word');
});

test('where only a near one is there, the command runs with it, and both are saved', async (t) => {
  const first = project(t);
  await first.run();
  const second = first.fresh();
  second.write({ lock: 'a 1.1\nb 2.0\n' });
  const { report } = await second.run(
    `test -f store/2.0 -a ! -e lock-deps -a "$OFFLINE_FIRST" && ${INSTALL}`,
  );
  t.match(report, { hit: 'near', matchedKey: /^npm-store\//, reason: /a 1\.0 -> 1\.1/, skipped: false });
  t.equal(second.runs(), 1);
  const third = second.fresh();
  third.write({ lock: 'a 1.1\nb 2.0\n' });
  t.match((await third.run()).report, { hit: 'exact', skipped: true });
});

test('of a near one only what is wanted is restored; an exact one holds nothing else', async (t) => {
  const first = project(t);
  await first.run();
  const wants: RootPlan['wants'] = () => (path) => path === '2.0';
  const root: RootPlan = { root: 'home:.store', place: '', restore: 'merge', modes: 'executable', wants };
  const bumped = first.fresh();
  const near = first.fresh({ roots: [{ ...root, place: join(bumped.folder, 'store') }] });
  near.write({ lock: 'a 1.1\nb 2.0\n' });
  t.match((await near.run('true', { noSave: true })).report, { hit: 'near' });
  t.same(readdirSync(join(bumped.folder, 'store')), ['2.0']);
  t.match(near.lines.at(-1), /finds what was cached: 1 file,/);

  const other = first.fresh();
  const exact = first.fresh({ roots: [{ ...root, place: join(other.folder, 'store') }] });
  await exact.run('true', { noSave: true, salt: 'another tree' });
  t.same(readdirSync(join(other.folder, 'store')).sort(), ['1.0', '2.0']);
});

test('what a selection has to tell is told', async (t) => {
  const first = project(t);
  const root: RootPlan = {
    root: 'home:.store',
    place: join(first.folder, 'store'),
    restore: 'merge',
    modes: 'executable',
    async select(tell) {
      tell('it is saved whole');
      return ['1.0'];
    },
  };
  const telling = first.fresh({ roots: [root] });
  first.write({ 'store/1.0': '' });
  await telling.run();
  t.ok(said(telling, 'it is saved whole'));
});

test('what is to be done to it is done before the command; where that fails, the command is given nothing', async (t) => {
  const first = project(t);
  await first.run();
  for (const fails of [false, true]) {
    const second = first.fresh({
      settle: async () => {
        second.write({ 'store/settled': 'x' });
        if (fails) throw new Error('it cannot be read');
      },
    });
    second.write({ lock: 'a 1.1\nb 2.0\n' });
    const { status, report } = await second.run('test -f store/settled && echo "$OFFLINE_FIRST" > given', {
      noSave: true,
    });
    t.equal(status, 0);
    t.equal(second.read('given'), fails ? '\n' : 'yes\n');
    t.equal(report.hit, fails ? 'none' : 'near');
  }
});

test('it merges into what stands there', async (t) => {
  const first = project(t);
  await first.run();
  const second = first.fresh();
  second.write({ lock: 'c 3.0\n', 'store/mine': 'x', 'store/2.0': 'own' });
  await second.run('true');
  t.same(readdirSync(join(second.folder, 'store')).sort(), ['1.0', '2.0', 'mine']);
  t.equal(second.read('store/2.0'), 'own');
});

test('one that is there exactly is not saved once more', async (t) => {
  const first = project(t);
  await first.run();
  const second = first.fresh();
  const { report } = await second.run(INSTALL, { salt: 'another tree' });
  t.match(report, { hit: 'near', matchedKey: /^npm-store\// });
  t.notOk(said(second, 'saved'));
  t.match(second.lines.at(-1), /^npm .*: saved/, 'the tree is');
});

test('it serves a tree that is not cached at all', async (t) => {
  const first = project(t, () => ({ refused: 'its tree is nobody’s' }));
  await first.run();
  const second = first.fresh();
  t.match((await second.run('test -f store/1.0')).report, { hit: 'near', skipped: false });
  t.equal(second.runs(), 1);
});

test('a failed command’s is not saved, unless it says so; where nothing was cached, nothing is', async (t) => {
  const failed = project(t);
  await failed.run(`${INSTALL}; exit 1`);
  t.notOk(said(failed, 'saved'));
  const whole = project(t, undefined, { refuseSave: async () => undefined });
  await whole.run(`${INSTALL}; exit 1`);
  t.ok(said(whole, 'saved'));
  const empty = project(t);
  t.same((await empty.run('mkdir lock-deps; touch lock-deps/f')).report.warnings, []);
});

test('--refresh, --no-restore, --no-save and --save hold for it too', async (t) => {
  const first = project(t);
  await first.run(INSTALL, { noSave: true });
  await first.run(INSTALL, { save: 'never' });
  t.notOk(said(first, 'saved'));
  await first.run();
  const second = first.fresh();
  second.write({ lock: 'a 1.1\nb 2.0\n' });
  t.equal((await second.run('test ! -e store', { noRestore: true, noSave: true })).status, 0);
  t.equal((await second.run('test ! -e store', { refresh: true, noSave: true })).status, 0);
});

test('it is asked for in the same look-up, unless the plan’s own entry is there', async (t) => {
  const asked: string[][] = [];
  const between = await httpServer(t, async (request, response) => {
    const body = await bodyOf(request);
    if (request.url?.includes('lookup')) {
      const { wants } = JSON.parse(body.toString()) as { wants: { kind: string; unless?: number }[] };
      asked.push(wants.map(({ kind, unless }) => `${kind} ${unless}`));
    }
    response.writeHead(503).end();
  });
  const set = project(t, undefined, {}, between.url);
  await set.run();
  t.same(asked[0], ['npm undefined', 'npm-store 0']);
});
