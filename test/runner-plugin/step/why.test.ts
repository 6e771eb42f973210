import { join } from 'node:path';
import tap, { test } from 'tap';
import { CUTS } from '#protocol/format/limits.ts';
import { fingerprintOf } from '#runner-plugin/fingerprint/fingerprint.ts';
import type { KindDetector } from '#runner-plugin/fingerprint/plan.ts';
import { run } from '#runner-plugin/step/run.ts';
import { why } from '#runner-plugin/step/why.ts';
import { closedPort } from '../client/servers.ts';
import { kindOf } from './plans.ts';
import { realServer, stage } from './stage.ts';

const shared = await realServer(tap);
let projects = 0;

function project(t: Parameters<typeof stage>[0], url = shared.url) {
  const set = stage(t, { CACHALOT_URL: url });
  set.write({ lock: 'a 1.0\nb 2.0\n' });
  // The command is an input here, as Maven's goals are.
  const kinds = kindOf(
    'npm',
    'lock',
    ({ fingerprint }, { command }) => ({
      fingerprint: { ...fingerprint, key: `${fingerprint.key.slice(0, -1)}${command?.length ?? 0}` },
      notes: ['a note'],
    }),
    `project-${projects++}`,
  );
  return { ...set, context: { ...set.context, kinds } };
}

const INSTALL = 'mkdir -p lock-deps; touch lock-deps/f';

test('before anything was saved there is nothing to compare with', async (t) => {
  const set = project(t);
  const { status, answers } = await why(set.context, { command: set.command(INSTALL) });
  t.equal(status, 0);
  t.match(answers, [{ kind: 'npm', hit: 'none', differences: [], notes: ['a note'] }]);
  t.equal(answers[0]?.nearest, undefined);
});

test('nothing changed: it would hit', async (t) => {
  const set = project(t);
  await run(set.context, { command: set.command(INSTALL) });
  const { answers } = await why(set.context, { command: set.command(INSTALL) });
  t.match(answers, [{ hit: 'exact', differences: [] }]);
  t.equal(answers[0]?.reason, undefined);
});

test('the inputs that differ are named, line by line, against the newest entry', async (t) => {
  const set = project(t);
  await run(set.context, { command: set.command(INSTALL) });
  set.write({ lock: 'a 1.1\nc 3.0\n' });
  const { answers } = await why(set.context, { command: set.command(INSTALL) });
  t.match(answers, [
    {
      hit: 'none',
      nearest: { created: /^20/ },
      differences: [
        {
          input: 'lockfile',
          change: 'changed',
          lines: [
            { name: 'a', from: '1.0', to: '1.1' },
            { name: 'b', from: '2.0' },
            { name: 'c', to: '3.0' },
          ],
        },
      ],
    },
  ]);
});

test('where there is no exact hit it says what stands in, and where there is one, nothing of it', async (t) => {
  const set = project(t);
  const name = `stand-in-${projects++}`;
  const kinds = kindOf(
    'npm',
    'lock',
    ({ fingerprint: { inputs } }) => ({
      standIn: {
        fingerprint: fingerprintOf('npm-store', name, inputs),
        roots: [
          { root: 'home:.store', place: join(set.folder, 'store'), restore: 'merge', modes: 'executable' },
        ],
        cut: CUTS.default,
        keepTimes: false,
        nearKeys: [`npm-store/${name}/`],
      },
    }),
    name,
  );
  const context = { ...set.context, kinds };
  const command = set.command(`${INSTALL}; mkdir -p store; touch store/f`);
  const [before] = (await why(context, { command })).answers;
  t.equal(before?.standIn, undefined, 'nothing was saved yet');
  await run(context, { command });
  const [same] = (await why(context, { command })).answers;
  t.match(same, { hit: 'exact' });
  t.equal(same?.standIn, undefined);
  set.write({ lock: 'a 1.1\nb 2.0\n' });
  const near = { kind: 'npm-store', key: new RegExp(`^npm-store/${name}/`), hit: 'near' };
  t.match((await why(context, { command })).answers, [{ hit: 'none', standIn: near }]);
  set.write({ lock: 'a 1.0\nb 2.0\n' });
  const refused = { npm: async () => refusedBy(await (kinds.npm as () => Promise<KindDetector>)()) };
  const [answer] = (await why({ ...context, kinds: refused }, { command })).answers;
  t.match(answer, { reason: 'its tree is nobody’s', standIn: { ...near, hit: 'exact' } });
});

/** The same plans, whose trees may not be had. */
function refusedBy(detector: KindDetector): KindDetector {
  return {
    ...detector,
    detect: async (detection) =>
      (await detector.detect(detection)).map((plan) => ({ ...plan, refused: 'its tree is nobody’s' })),
  };
}

test('without a command it takes the one that was recorded', async (t) => {
  const set = project(t);
  const command = set.command(INSTALL);
  await run(set.context, { command });
  const { answers } = await why(set.context, {});
  t.match(answers, [{ hit: 'exact', assumed: command }]);
});

test('why runs nothing, saves nothing and restores nothing', async (t) => {
  const set = project(t);
  await why(set.context, { command: set.command(INSTALL) });
  t.equal(set.runs(), 0);
  t.match(await why(set.context, { command: set.command(INSTALL) }), { answers: [{ hit: 'none' }] });
});

test('without a server it still says what would be looked up', async (t) => {
  const set = project(t, `http://127.0.0.1:${await closedPort()}/`);
  const { status, answers, warnings } = await why(set.context, {});
  t.equal(status, 0);
  t.match(answers, [{ kind: 'npm', key: /^npm\// }]);
  t.match(warnings, [{ code: 'CLIENT_UNAVAILABLE' }]);
  t.equal((await why(set.context, { strict: true })).status, 69);
});

test('where there is nothing to fingerprint, or it cannot be read, that is the answer', async (t) => {
  const set = project(t);
  await t.rejects(why({ ...set.context, folder: '/' }, {}), { code: 'KIND_UNDETECTED' });
  set.write({ lock: '!' });
  await t.rejects(why(set.context, {}), { code: 'LOCKFILE_UNREADABLE' });
});
