/**
 * E10: a path that is swapped for a symbolic link between check and use. The swap happens where an attacker would want it:
 * from inside the call that has just looked.
 */
import fs from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'tap';
import type { ArchiveSource } from '#runner-plugin/archive/unpack.ts';
import { permits } from '../../../needs.ts';
import { rootAt } from '../pack/setting.ts';
import { contentOf, type Entry, writeTree } from '../pack/tree.ts';
import { archiveOfTrees } from './archives.ts';
import { outcomeOf, settingFor, snapshot, sourceOf, unpackInto } from './setting.ts';

/** Files that would overwrite, join or link to what is outside. */
const TREE: Entry[] = [
  { path: 'd', mode: 0o755 },
  { path: 'd/e', mode: 0o755 },
  { path: 'd/e/evil', content: Buffer.from('evil') },
  { path: 'd/secret', content: Buffer.from('overwritten') },
  ...Array.from({ length: 60 }, (_, index) => ({ path: `d/f${index}`, content: contentOf(1000, index) })),
];

const LOOKS = ['lstatSync', 'openSync', 'readdirSync', 'mkdirSync', 'renameSync', 'linkSync'] as const;

/** While `act` runs, calls `after` with the path whenever one of the calls that look at names has returned. */
async function watching(after: (path: string) => void, act: () => Promise<unknown>): Promise<void> {
  const calls = fs as unknown as Record<string, (...args: unknown[]) => unknown>;
  const real = LOOKS.map((name) => [name, calls[name]] as const);
  let inside = false;
  for (const [name, call] of real) {
    calls[name] = (...args: unknown[]) => {
      try {
        return call?.(...args);
      } finally {
        if (!inside) {
          inside = true;
          after(String(args[0]));
          inside = false;
        }
      }
    };
  }
  try {
    await act();
  } finally {
    for (const [name, call] of real) if (call !== undefined) calls[name] = call;
  }
}

/** Moves a folder away and puts a link to `victim` in its place; false where it is not there. */
function swapForLink(folder: string, victim: string): boolean {
  try {
    fs.renameSync(folder, `${folder}-away`);
    fs.symlinkSync(victim, folder);
    return true;
  } catch {
    return false;
  }
}

test('E10 a folder of a merged target is swapped after any look at it', async (t) => {
  if (!permits(t, fs.existsSync('/proc/self/fd'), 'descriptors give no way into folders here')) return;
  const setting = settingFor(t, false);
  writeTree(join(setting.folder, 'saved'), TREE);
  const archive = await archiveOfTrees([rootAt(join(setting.folder, 'saved'), { restore: 'merge' })]);
  fs.mkdirSync(join(setting.outside, 'e'));
  const before = snapshot(setting.outside);
  let swapped = 0;
  for (let at = 1; swapped === at - 1; at++) {
    const target = join(setting.folder, `work/${at}`);
    writeTree(target, [
      { path: 'd', mode: 0o755 },
      { path: 'd/e', mode: 0o755 },
    ]);
    let looks = 0;
    const swapAtTheRightTime = (path: string) => {
      // Of all the calls, those that may be about the target's folders.
      if (!/\/(d|e|\.)$/.test(path) || ++looks !== at) return;
      if (swapForLink(join(target, 'd'), setting.outside)) swapped++;
    };
    await watching(swapAtTheRightTime, () => outcomeOf(unpackInto(target, archive, { workers: 0 })));
    t.same(snapshot(setting.outside), before, `after look ${at}`);
  }
  t.ok(swapped > 10, `swapped ${swapped} times`);
});

test('E10 the staging folder is swapped while it is being filled', async (t) => {
  if (!permits(t, fs.existsSync('/proc/self/fd'), 'descriptors give no way into folders here')) return;
  for (const restore of ['replace', 'merge'] as const) {
    for (const workers of [0, 1]) {
      const setting = settingFor(t);
      writeTree(join(setting.folder, 'saved'), TREE);
      const archive = await archiveOfTrees([rootAt(join(setting.folder, 'saved'), { restore })], {
        cut: { floor: 5_000, mean: 5_000, max: 10_000, alone: 10_000 },
      });
      // The victim looks as the staging folder does, so that every path would fit.
      writeTree(setting.outside, [
        { path: 'new', mode: 0o755 },
        { path: 'new/d', mode: 0o755 },
        { path: 'new/d/e', mode: 0o755 },
      ]);
      const before = snapshot(setting.outside);
      const work = join(setting.folder, 'work');
      const source: ArchiveSource = {
        async *read(start, end, signal) {
          let chunks = 0;
          for await (const chunk of sourceOf(archive.bytes, 2000).read(start, end, signal)) {
            yield chunk;
            await new Promise(setImmediate);
            if (++chunks !== 3) continue;
            const staging = fs.readdirSync(work).find((name) => name.startsWith('.cachalot-')) ?? 'none';
            t.ok(swapForLink(join(work, staging), setting.outside));
          }
        },
      };
      await outcomeOf(unpackInto(setting.target, archive, { workers, source }));
      t.same(snapshot(setting.outside), before, `${restore}, ${workers} threads`);
    }
  }
});

test('E10 the target is swapped for a link while its tree is being restored', async (t) => {
  const setting = settingFor(t);
  writeTree(join(setting.folder, 'saved'), TREE);
  const archive = await archiveOfTrees([rootAt(join(setting.folder, 'saved'))]);
  const before = snapshot(setting.outside);
  const source: ArchiveSource = {
    read(start, end, signal) {
      t.ok(swapForLink(setting.target, setting.outside));
      return sourceOf(archive.bytes).read(start, end, signal);
    },
  };
  await unpackInto(setting.target, archive, { source });
  t.same(snapshot(setting.outside), before);
  t.ok(fs.lstatSync(setting.target).isDirectory(), `${basename(setting.target)} is the restored one`);
});
