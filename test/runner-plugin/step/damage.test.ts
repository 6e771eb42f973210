/** What is damaged on its way is found before it reaches the target: it is reported, and a miss. */
import { readdirSync } from 'node:fs';
import tap, { test } from 'tap';
import { restore } from '#runner-plugin/step/restore.ts';
import { save } from '#runner-plugin/step/save.ts';
import { passThrough, realServer, stage } from './stage.ts';

const shared = await realServer(tap);

async function saved(t: Parameters<typeof stage>[0], key: string): Promise<void> {
  const set = stage(t, { CACHALOT_URL: shared.url });
  set.write({ 'dist/f': 'saved '.repeat(1_000) });
  await save(set.context, { key, paths: ['dist'] });
}

test('a bit that was turned: SEGMENT_DAMAGED, reported, and the target is as it was', async (t) => {
  await saved(t, 'turned');
  const through = await passThrough(t, shared.url, (path, body) => {
    const middle = Math.floor(body.length / 4);
    if (path.includes('/archive')) body[middle] = (body[middle] ?? 0) ^ 1;
    return body;
  });
  const set = stage(t, { CACHALOT_URL: through.url });
  set.write({ 'dist/mine': 'x' });
  const { status, report } = await restore(set.context, { key: 'turned', paths: ['dist'], failOnMiss: true });
  t.equal(status, 3);
  t.match(report, { hit: 'none', reason: /damaged/, warnings: [{ code: 'SEGMENT_DAMAGED' }] });
  t.same(through.requests.filter((request) => request.endsWith('/suspect')).length, 1);
  t.same(readdirSync(set.folder), ['dist']);
  t.equal(set.read('dist/mine'), 'x');
  const direct = stage(t, { CACHALOT_URL: shared.url });
  const again = await restore(direct.context, { key: 'turned', paths: ['dist'] });
  t.equal(again.report.hit, 'exact', 'what the server holds is whole, so it keeps it');
});

test('a layout that has become stale is asked for again, once', async (t) => {
  await saved(t, 'stale');
  let spoilt = 1;
  const through = await passThrough(t, shared.url, (path, body) => {
    if (!path.includes('/lookup') || spoilt-- <= 0) return body;
    // Another digest in the layout is another tag, which the archive is then asked for with.
    const answer = JSON.parse(body.toString());
    answer.results[0].layout.segments[0].digest = '0'.repeat(64);
    return Buffer.from(JSON.stringify(answer));
  });
  const set = stage(t, { CACHALOT_URL: through.url });
  const { report } = await restore(set.context, { key: 'stale', paths: ['dist'] });
  t.match(report, { hit: 'exact', warnings: [] });
  t.equal(through.requests.filter((request) => request.endsWith('/lookup')).length, 2);
  spoilt = 99;
  const never = await restore(set.context, { key: 'stale', paths: ['dist'] });
  t.match(never.report, { hit: 'none', warnings: [{ code: 'LAYOUT_STALE' }] });
});

test('an entry that is taken away between look-up and restore: said with the reason, and a miss', async (t) => {
  await saved(t, 'taken');
  let id = '';
  const through = await passThrough(t, shared.url, async (path, body) => {
    if (!path.includes('/lookup') || id !== '') return body;
    id = JSON.parse(body.toString()).results[0].entry;
    await fetch(`${shared.url}/api/v1/entries/${id}`, { method: 'DELETE' });
    return body;
  });
  const set = stage(t, { CACHALOT_URL: through.url });
  set.write({ 'dist/mine': 'x' });
  const { report } = await restore(set.context, { key: 'taken', paths: ['dist'] });
  t.match(report, {
    hit: 'none',
    warnings: [{ code: 'ENTRY_TAKEN_AWAY', message: /generic\/_\/taken.*No entry/ }],
  });
  t.equal(set.read('dist/mine'), 'x');
});
