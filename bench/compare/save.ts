/** Saves into nothing, ours and theirs in turn: `cachalot save` to an empty server against `tar | zstd | curl` to nginx. */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { interleave } from '../interleave.ts';
import { cachalot, newHome, type Server, startServer } from '../stage/cachalot.ts';
import { quoted, shell, timed } from '../stage/command.ts';
import { type Distance, startLink } from '../stage/distance.ts';
import { startNginx } from '../stage/nginx.ts';
import type { Stage } from '../stage/stage.ts';
import { freshPlace } from '../stage/xfs.ts';
import { sizeOf, type Tree } from '../trees/tree.ts';
import type { Compared } from './compared.ts';

/** What theirs is, for rows. */
export const TAR_CURL = 'tar -c | zstd -T0 -3 | curl -T - URL, to nginx on a file system of its own';

export interface SaveOptions {
  runs: number;
  distance?: Distance;
}

/** Seconds of each run. The server verifies what it gets on the same cores. */
export async function compareSaves(stage: Stage, tree: Tree, options: SaveOptions): Promise<Compared> {
  await readOnce(stage, tree);
  let archiveBytes = 0;
  const { ours, theirs } = await interleave(
    stage,
    {
      ours: async (run) => {
        const server = await startServer(run, join(await freshPlace(run), 'data'));
        const port = options.distance ? await startLink(run, server.port, options.distance) : server.port;
        const client = { port, home: await newHome(run), cwd: tree.folder };
        const { seconds } = await cachalot(run, client, 'save', '--key', 'tree', '--path', tree.root);
        await requireEntries(server, 1);
        return seconds;
      },
      theirs: async (run) => {
        const sink = join(await freshPlace(run), 'sink');
        await mkdir(sink);
        const nginx = await startNginx(run, sink);
        const port = options.distance ? await startLink(run, nginx.port, options.distance) : nginx.port;
        const url = `http://127.0.0.1:${port}/tree.tar.zst`;
        const { seconds } = await timed(
          run,
          shell(`tar -c ${quoted(tree.root)} | zstd -T0 -3 -q | curl -fsS -T - -o /dev/null ${quoted(url)}`),
          { cwd: tree.folder },
        );
        archiveBytes = (await stat(join(sink, 'tree.tar.zst'))).size;
        return seconds;
      },
    },
    options,
  );
  return { ours, theirs, conditions: { tree: sizeOf(tree), archiveBytes } };
}

/** Throws unless the server holds as many entries: a save that gave up is no measurement. */
export async function requireEntries(server: Server, count: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${server.port}/api/v1/entries`);
  const { entries } = (await answer.json()) as { entries: unknown[] };
  if (entries.length !== count)
    throw new Error(`the server holds ${entries.length} entries after ${count} saves`);
}

/** Brings a tree into the page cache, where what was just built lies too. */
export async function readOnce(stage: Stage, tree: Tree): Promise<void> {
  // Into a pipe: tar that writes to /dev/null reads nothing.
  await timed(stage, shell(`tar -c ${quoted(tree.root)} | cat > /dev/null`), { cwd: tree.folder });
}
