/** A job that is cancelled is not kept waiting by the cache, and finds nothing half done. */
import { EventEmitter } from 'node:events';
import { readdirSync } from 'node:fs';
import tap, { test } from 'tap';
import { restore } from '#runner-plugin/step/restore.ts';
import { run } from '#runner-plugin/step/run.ts';
import { save } from '#runner-plugin/step/save.ts';
import { rawServer } from '../client/servers.ts';
import { passThrough, realServer, stage } from './stage.ts';

const shared = await realServer(tap);

test('during the look-up: nothing is run, 128 + n', async (t) => {
  const asked = Promise.withResolvers<void>();
  const server = await rawServer(t, () => asked.resolve());
  const set = stage(t, { CACHALOT_URL: server.url });
  const signals = new EventEmitter();
  const running = run(
    { ...set.context, signals },
    { command: set.command('exit 0'), key: 'k', paths: ['dist'] },
  );
  await asked.promise;
  signals.emit('SIGTERM', 'SIGTERM');
  t.match(await running, { status: 143, report: { warnings: [] } });
  t.equal(set.runs(), 0);
  t.equal(signals.listenerCount('SIGTERM'), 0, 'nobody listens any more');
});

test('during the restore: what stood there stands, and nothing lies beside it', async (t) => {
  const set = stage(t, { CACHALOT_URL: shared.url });
  set.write({ 'dist/f': 'saved' });
  await save(set.context, { key: 'k', paths: ['dist'] });
  const stalled = Promise.withResolvers<void>();
  const through = await passThrough(t, shared.url, (path, body) => {
    if (!path.includes('/archive')) return body;
    stalled.resolve();
    return undefined;
  });
  const other = stage(t, { CACHALOT_URL: through.url });
  other.write({ 'dist/mine': 'x' });
  const signals = new EventEmitter();
  const restoring = restore({ ...other.context, signals }, { key: 'k', paths: ['dist'] });
  await stalled.promise;
  signals.emit('SIGINT', 'SIGINT');
  t.match(await restoring, { status: 130, report: { hit: 'none', warnings: [] } });
  t.same(readdirSync(other.folder), ['dist']);
  t.equal(other.read('dist/mine'), 'x');
});

test('while the command runs it is the command’s, and nothing is saved after it', async (t) => {
  const set = stage(t, { CACHALOT_URL: shared.url });
  const signals = new EventEmitter();
  const script = 'mkdir dist; trap "exit 0" TERM; touch ready; while :; do sleep 0.02; done';
  const running = run(
    { ...set.context, signals },
    { command: set.command(script), key: 'cancelled', paths: ['dist'] },
  );
  while (set.read('ready') === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
  signals.emit('SIGTERM', 'SIGTERM');
  t.equal((await running).status, 0, 'its own status');
  t.match(await restore(set.context, { key: 'cancelled', paths: ['dist'] }), { report: { hit: 'none' } });
});
