/** A restore that does not get to its end leaves everything as it was; one that was killed, what the next one removes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { test } from 'tap';
import type { ArchiveSource } from '#runner-plugin/archive/unpack.ts';
import { permits } from '../../../needs.ts';
import { contentOf } from '../pack/tree.ts';
import { mount } from './mounts.ts';
import { outcomeOf, settingFor, snapshot, sourceOf, unpackInto } from './setting.ts';
import { archiveIn, isRestored, LARGE, stagings } from './staged.ts';

/** Gives the first bytes, tells so, and then nothing until it is aborted. */
function stalling(bytes: Buffer, stalled: () => void): ArchiveSource {
  return {
    async *read(start, end, signal) {
      yield bytes.subarray(start, start + Math.floor((end - start) / 2));
      stalled();
      await once(signal, 'abort');
      signal.throwIfAborted();
    },
  };
}

test("aborted: all is as it was, and the signal's reason says why", async (t) => {
  for (const workers of [0, 2]) {
    const setting = settingFor(t);
    const archive = await archiveIn(setting, LARGE);
    const before = snapshot(setting.folder);
    const aborter = new AbortController();
    const reason = new Error('budget');
    const source = stalling(archive.bytes, () => setImmediate(() => aborter.abort(reason)));
    const restoring = unpackInto(setting.target, archive, { workers, source, signal: aborter.signal });
    await t.rejects(restoring, reason, `${workers} threads`);
    t.same(snapshot(setting.folder), before);
  }
});

test('aborted before it begins: nothing is begun', async (t) => {
  const setting = settingFor(t);
  const archive = await archiveIn(setting);
  const source: ArchiveSource = {
    read() {
      t.fail('asked for bytes');
      return sourceOf(archive.bytes).read(0, 0, new AbortController().signal);
    },
  };
  const signal = AbortSignal.abort(new Error('before'));
  await t.rejects(unpackInto(setting.target, archive, { source, signal }), { message: 'before' });
});

test('a source that fails: its error, and all is as it was', async (t) => {
  const setting = settingFor(t);
  const archive = await archiveIn(setting, LARGE);
  const before = snapshot(setting.folder);
  const source: ArchiveSource = {
    async *read(start) {
      yield archive.bytes.subarray(start, start + 100_000);
      throw new Error('the line broke');
    },
  };
  for (const workers of [0, 2])
    await t.rejects(unpackInto(setting.target, archive, { source, workers }), { message: 'the line broke' });
  t.same(snapshot(setting.folder), before);
});

test('no room: DISK_FULL, and all is as it was', async (t) => {
  const setting = settingFor(t, false);
  const archive = await archiveIn(setting, LARGE);
  const small = join(setting.folder, 'work');
  if (!permits(t, mount(t, '-t', 'tmpfs', '-o', 'size=5m', 'none', small), 'nothing can be mounted here'))
    return;
  fs.mkdirSync(setting.target);
  fs.writeFileSync(join(setting.target, 'old'), 'old');
  const before = snapshot(setting.folder);
  const open = () => fs.readdirSync('/proc/self/fd').length;
  for (const workers of [0, 2]) {
    const opened = open();
    const outcome = await outcomeOf(unpackInto(setting.target, archive, { workers }));
    t.equal(outcome, 'DISK_FULL', `${workers} threads`);
    t.same(snapshot(setting.folder), before);
    if (workers === 0) t.equal(open(), opened);
  }
});

test('no room for names: DISK_FULL, and all is as it was', async (t) => {
  const setting = settingFor(t, false);
  const archive = await archiveIn(setting, LARGE);
  const small = join(setting.folder, 'work');
  if (
    !permits(t, mount(t, '-t', 'tmpfs', '-o', 'nr_inodes=20', 'none', small), 'nothing can be mounted here')
  )
    return;
  for (const workers of [0, 2])
    t.equal(await outcomeOf(unpackInto(setting.target, archive, { workers })), 'DISK_FULL');
  const opened = fs.readdirSync('/proc/self/fd').length;
  await outcomeOf(unpackInto(setting.target, archive, { workers: 0 }));
  t.equal(
    fs.readdirSync('/proc/self/fd').length,
    opened,
    'files that were open when there was no room are closed',
  );
  t.same(fs.readdirSync(small), []);
});

test('descriptors are all closed, whatever happened', async (t) => {
  const setting = settingFor(t);
  const archive = await archiveIn(setting, [...LARGE, { path: 'large', content: contentOf(20_000_000, 1) }]);
  const open = () => fs.readdirSync('/proc/self/fd').length;
  if (!permits(t, fs.existsSync('/proc/self/fd'), 'no list of descriptors')) return;
  await unpackInto(setting.target, archive, { workers: 2 });
  const before = open();
  await unpackInto(setting.target, archive, { workers: 2 });
  t.equal(open(), before, 'after a restore');
  for (const at of [0.1, 0.5, 0.9]) {
    const bytes = Buffer.from(archive.bytes);
    const index = Math.floor(bytes.length * at);
    bytes[index] = (bytes[index] ?? 0) ^ 1;
    t.match(
      await outcomeOf(unpackInto(setting.target, archive, { workers: 2, source: sourceOf(bytes) })),
      /^SEGMENT_/,
    );
    t.equal(open(), before, `after damage at ${at}`);
  }
});

/** Restores in a process of its own, which does as `mode` says (restoring.ts). */
function restoring(t: { teardown(after: () => void): void }, args: string[], limit = ''): ChildProcess {
  const script = join(import.meta.dirname, 'restoring.ts');
  const child = spawn('bash', ['-c', `${limit}exec "$@"`, 'bash', process.execPath, script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  return child;
}

test('what a killed restore has left goes with the next', async (t) => {
  const setting = settingFor(t);
  const archive = await archiveIn(setting, LARGE);
  fs.writeFileSync(join(setting.folder, 'archive'), archive.bytes);
  fs.writeFileSync(join(setting.folder, 'entry'), JSON.stringify(archive));
  const work = join(setting.folder, 'work');
  const child = restoring(t, ['stall', setting.folder, setting.target]);
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  const alive = stagings(work);
  t.equal(alive.length, 1);

  // While that one runs, its folder is its own.
  await unpackInto(setting.target, archive);
  t.same(stagings(work), alive);

  child.kill('SIGKILL');
  await once(child, 'exit');
  t.same(stagings(work), alive, 'nobody has cleaned up');

  // One of another machine, where we cannot know who runs: left alone while it is young.
  const [name = ''] = alive;
  const elsewhere = name.replace(/^\.cachalot-.{8}/, '.cachalot-00000000');
  const long = name.replace(/^\.cachalot-.{8}/, '.cachalot-11111111');
  for (const each of [elsewhere, long, '.cachalot-mine', '.cachalot-00000000-1-xyz'])
    fs.mkdirSync(join(work, each));
  const yesterday = Date.now() / 1000 - 25 * 3600;
  fs.utimesSync(join(work, long), yesterday, yesterday);
  await unpackInto(setting.target, archive);
  t.same(stagings(work).sort(), [elsewhere, '.cachalot-00000000-1-xyz', '.cachalot-mine'].sort());
  t.same(...isRestored(setting));
});

test('in a thread that is not the first, where the current directory cannot be changed', async (t) => {
  const setting = settingFor(t);
  const archive = await archiveIn(setting);
  fs.writeFileSync(join(setting.folder, 'archive'), archive.bytes);
  fs.writeFileSync(join(setting.folder, 'entry'), JSON.stringify(archive));
  const worker = new Worker(new URL('./restoring.ts', import.meta.url), {
    argv: ['whole', setting.folder, setting.target],
    trackUnmanagedFds: false,
  });
  const [status] = await once(worker, 'exit');
  t.equal(status, 0);
  t.same(...isRestored(setting));
});
