/** What a restore leaves to the next save. */
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { CUTS } from '#protocol/format/limits.ts';
import type { Manifest } from '#protocol/format/manifest.ts';
import { parseRoot } from '#protocol/format/root.ts';
import { openDigestTable } from '#runner-plugin/archive/digest-table.ts';
import { recordRestored } from '#runner-plugin/archive/digest-table-restored.ts';
import { nodeFiles } from '#runner-plugin/archive/file-access.ts';
import { type Packed, pack } from '#runner-plugin/archive/pack.ts';
import { MemoryStore } from './pack/memory-store.ts';
import { filesWith, rootAt } from './pack/setting.ts';
import { Bench, CUT, EXT4, LATER, SIZE, TREE } from './pack/table-bench.ts';
import { contentOf, writeTree } from './pack/tree.ts';

function manifestOf({ roots, totals }: Packed): Manifest {
  return { roots, totals } as Manifest;
}

test('after a restore only what was changed since is read', async (t) => {
  const bench = new Bench(t);
  const packed = await bench.save(t);
  fs.rmSync(bench.place, { recursive: true });
  writeTree(bench.place, TREE);
  const options = {
    table: bench.table,
    manifest: manifestOf(packed),
    roots: [{ root: parseRoot('workspace:tree'), place: bench.place }],
    cut: CUT,
    keepTimes: false,
    files: nodeFiles,
  };
  // The clock goes on a tick while the tree is walked: what was written before it can be told from what comes.
  await recordRestored({ ...options, now: () => Date.now() + 100 });
  await bench.save(t);
  t.same(bench.opened, []);
  await recordRestored({ ...options, now: () => Date.now() + 100 });
  fs.writeFileSync(join(bench.place, 'file-05'), contentOf(SIZE, 99));
  await bench.save(t);
  t.same(bench.opened, ['file-05']);
});

test('nothing is recorded of a restore that merged, was within a tick, or left another tree', async (t) => {
  const bench = new Bench(t);
  const packed = await bench.save(t);
  const options = {
    manifest: manifestOf(packed),
    roots: [{ root: parseRoot('workspace:tree'), place: bench.place }],
    cut: CUT,
    keepTimes: false,
    files: nodeFiles,
    now: () => Date.now() + 100,
  };
  const recorded = async (more: object) => {
    const table = openDigestTable(join(bench.folder, `state-${Object.keys(more)}`), () => EXT4);
    await recordRestored({ ...options, table, ...more });
    const store = new MemoryStore();
    store.stored = bench.store.stored;
    let opened = 0;
    const files = filesWith({
      open: (path) => {
        opened++;
        return nodeFiles.open(path);
      },
    });
    await pack({ ...options, roots: [rootAt(bench.place)], sink: store, table, files, clock: LATER });
    return 14 - opened;
  };
  t.equal(await recorded({}), 14);
  const [root] = packed.roots;
  const merged = { ...options.manifest, roots: [{ ...root, restore: 'merge' }] };
  t.equal(await recorded({ manifest: merged }), 0);
  t.equal(await recorded({ cut: CUTS.maven, manifest: options.manifest }), 0);
  t.equal(await recorded({ now: () => 0 }), 0);
  const whole = filesWith({
    stat: (path) => {
      const stat = nodeFiles.stat(path);
      return { ...stat, ctimeNs: (stat.ctimeNs / 1_000_000_000n) * 1_000_000_000n };
    },
  });
  t.equal(await recorded({ files: whole, now: () => Date.now() + 500 }), 0, 'a clock of whole seconds');
  fs.appendFileSync(join(bench.place, 'small/x'), 'x'.repeat(512));
  t.equal(await recorded({ roots: options.roots }), 0);
});
