/** Restores, ours and theirs in turn: `cachalot restore` from its server against `curl | tar` from nginx. */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { interleave } from '../interleave.ts';
import { cachalot, newHome, startServer } from '../stage/cachalot.ts';
import { quoted, shell, timed } from '../stage/command.ts';
import { type Distance, startLink } from '../stage/distance.ts';
import { startNginx } from '../stage/nginx.ts';
import type { Stage } from '../stage/stage.ts';
import { freshPlace } from '../stage/xfs.ts';
import { requireWhole, sizeOf, type Tree } from '../trees/tree.ts';
import type { Compared } from './compared.ts';

export const KEY = 'bench-tree';

/** What theirs is, for rows. */
export const CURL_TAR = 'curl -fsS URL | tar -I zstd -x, from nginx with sendfile';

/** The served tree: a server of ours that holds it under KEY, and nginx with it as an archive. */
export interface Served {
  tree: Tree;
  oursPort: number;
  serverPid: number;
  theirUrl(port: number): string;
  theirPort: number;
  archiveBytes: number;
}

/** Saves the tree and packs it for nginx; both stay in the page cache. */
export async function serveTree(stage: Stage, tree: Tree): Promise<Served> {
  const www = join(stage.folder, 'www');
  await mkdir(www);
  const archive = join(www, 'tree.tar.zst');
  await timed(
    stage,
    shell(`tar -C ${quoted(tree.folder)} -c ${quoted(tree.root)} | zstd -T0 -3 -q -o ${quoted(archive)}`),
  );
  const nginx = await startNginx(stage, www);
  const server = await startServer(stage, join(stage.folder, 'data'));
  const client = { port: server.port, home: await newHome(stage), cwd: tree.folder };
  await cachalot(stage, client, 'save', '--key', KEY, '--path', tree.root);
  return {
    tree,
    oursPort: server.port,
    serverPid: server.pid,
    theirPort: nginx.port,
    theirUrl: (port) => `http://127.0.0.1:${port}/tree.tar.zst`,
    archiveBytes: (await stat(archive)).size,
  };
}

export interface RestoreOptions {
  runs: number;
  warmUp?: boolean;
  distance?: Distance;
}

/** Seconds of each run. Every one begins on an empty file system and is checked to be whole afterwards. */
export async function compareRestores(
  stage: Stage,
  served: Served,
  options: RestoreOptions,
): Promise<Compared> {
  const { tree } = served;
  const { distance } = options;
  const oursPort = distance ? await startLink(stage, served.oursPort, distance) : served.oursPort;
  const theirPort = distance ? await startLink(stage, served.theirPort, distance) : served.theirPort;
  const url = served.theirUrl(theirPort);
  const { ours, theirs } = await interleave(
    stage,
    {
      ours: async (run) => {
        const cwd = await freshPlace(run);
        const client = { port: oursPort, home: await newHome(run), cwd };
        const { seconds } = await cachalot(
          run,
          client,
          'restore',
          '--key',
          KEY,
          '--path',
          tree.root,
          '--fail-on-miss',
        );
        await requireWhole(tree, cwd);
        return seconds;
      },
      theirs: async (run) => {
        const cwd = await freshPlace(run);
        const { seconds } = await timed(run, shell(`curl -fsS ${quoted(url)} | tar -I zstd -x`), { cwd });
        await requireWhole(tree, cwd);
        return seconds;
      },
    },
    options,
  );
  return { ours, theirs, conditions: { tree: sizeOf(tree), archiveBytes: served.archiveBytes } };
}
