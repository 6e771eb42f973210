/**
 * A rolling restart (hardening.md, "Faults"): replicas behind nginx are ended in order and started anew, one after the other, while jobs save
 * and restore through it. No job notices.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { need } from '../../needs.ts';
import { noise } from '../../server/made-segments.ts';
import { type Place, place, tokenOf } from '../cachalot.ts';
import { startExampleNginx } from '../example-nginx.ts';
import { install } from './installation.ts';

const JOBS = 2;
const BYTES = 6 * 1024 * 1024;

/** Saves what nobody has saved, and restores it; what either said if it was not as it should be. */
async function job(here: Place, name: string, content: Buffer): Promise<string | undefined> {
  const folder = join(here.folder, name);
  const tree = join(folder, 'tree');
  mkdirSync(tree, { recursive: true });
  writeFileSync(join(tree, 'a'), content);
  const entry = ['--key', name, '--path', 'tree', '--strict'];
  const saved = await here.cachalot(['save', ...entry], { folder });
  rmSync(tree, { recursive: true });
  const restored = await here.cachalot(['restore', ...entry, '--fail-on-miss'], { folder });
  if (saved.status !== 0 || restored.status !== 0) return saved.stderr + restored.stderr;
  return readFileSync(join(tree, 'a')).equals(content) ? undefined : 'other content';
}

test('fault "rolling restart": no request is dropped', async (t) => {
  if (!need(t, 'nginx')) return;
  const installation = await install(t, { replicas: 2, workers: 1 });
  if (installation === undefined) return;
  const { replicas, workers, restart, adminToken } = installation;
  const here = place(t);
  here.env.CACHALOT_URL = await startExampleNginx(t, {
    servers: replicas.map(({ url }) => url),
    files: t.testdir(),
  });
  const token = await tokenOf(here, adminToken);
  Object.assign(here.env, { CACHALOT_TOKEN: token, CACHALOT_REF: 'refs/heads/main' });
  let done = false;
  let count = 0;
  const wrong: string[] = [];
  const jobs = Array.from({ length: JOBS }, async () => {
    while (!done) {
      const name = `job-${++count}`;
      const said = await job(here, name, noise(BYTES, count));
      if (said !== undefined) wrong.push(`${name}: ${said}`);
    }
  });
  const versions = replicas.map(({ child }) => child.pid);
  for (const at of replicas.keys()) await restart(replicas, at);
  await restart(workers, 0);
  done = true;
  await Promise.all(jobs);
  t.same(wrong, [], `nothing wrong in ${count} jobs`);
  t.ok(count >= JOBS);
  t.notOk(replicas.some(({ child }) => versions.includes(child.pid)));
});
