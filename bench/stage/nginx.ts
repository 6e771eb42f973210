/**
 * Their side's server: nginx on loopback, which hands files out with sendfile and takes them with PUT. Nothing that
 * serves files plainly is faster, so what we lose to it is ours.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startDaemon, untilReady } from './command.ts';
import { freePort } from './port.ts';
import type { Stage } from './stage.ts';
import { withSystemPrograms } from './xfs.ts';

export interface Nginx {
  port: number;
  /** What lies here is served, and what is PUT lands here. */
  folder: string;
}

/** Serves `folder`, an existing one. Runs until the stage ends. */
export async function startNginx(stage: Stage, folder: string): Promise<Nginx> {
  const port = await freePort();
  const own = join(stage.folder, `nginx-${port}`);
  // On the same file system as where a PUT ends, so that it ends with a rename.
  const uploads = join(folder, '.uploads');
  await mkdir(own);
  await mkdir(uploads, { recursive: true });
  const temporary = ['proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `  ${kind}_temp_path ${join(own, kind)};`)
    .join('\n');
  await writeFile(
    join(own, 'nginx.conf'),
    `daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes auto;
pid ${join(own, 'nginx.pid')};
error_log stderr;
events { worker_connections 512; }
http {
  access_log off;
  sendfile on;
  sendfile_max_chunk 2m;
  tcp_nopush on;
  client_max_body_size 0;
  client_body_buffer_size 1m;
  client_body_temp_path ${uploads};
${temporary}
  server {
    listen 127.0.0.1:${port};
    root ${folder};
    location / { dav_methods PUT; }
  }
}
`,
  );
  const daemon = startDaemon(stage, ['nginx', '-p', own, '-e', 'stderr', '-c', join(own, 'nginx.conf')], {
    env: withSystemPrograms(),
  });
  await untilReady(daemon, async () => (await fetch(`http://127.0.0.1:${port}/`)).status > 0);
  return { port, folder };
}
