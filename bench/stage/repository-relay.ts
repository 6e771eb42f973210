/**
 * A repository on the loopback that passes everything on to a real one and counts: what a build asks for leaves the machine
 * here and nowhere else. Addresses of the real one in its answers are turned into its own.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Stage } from './stage.ts';

export interface RepositoryRelay {
  /** Without a slash at its end. */
  url: string;
  /** Requests since the last call. */
  taken(): number;
}

/** Relays to `upstream` until the stage ends. */
export async function startRepositoryRelay(stage: Stage, upstream: string): Promise<RepositoryRelay> {
  const real = upstream.replace(/\/+$/, '');
  let count = 0;
  let url = '';
  const here = (text: string) => text.replaceAll(real, url);
  const server = createServer((asked, answer) => {
    count++;
    pass(asked, answer, real, here).catch(() => answer.destroy());
  });
  stage.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const taken = () => {
    const since = count;
    count = 0;
    return since;
  };
  return { url, taken };
}

async function pass(
  asked: IncomingMessage,
  answer: ServerResponse,
  real: string,
  here: (text: string) => string,
): Promise<void> {
  const { method = 'GET', headers } = asked;
  const body = method === 'GET' || method === 'HEAD' ? undefined : Buffer.concat(await asked.toArray());
  const answered = await fetch(`${real}${asked.url}`, {
    method,
    headers: {
      ...(headers.accept === undefined ? {} : { accept: headers.accept }),
      ...(headers['content-type'] === undefined ? {} : { 'content-type': headers['content-type'] }),
    },
    ...(body === undefined ? {} : { body }),
  });
  const type = answered.headers.get('content-type') ?? 'application/octet-stream';
  answer.writeHead(answered.status, { 'content-type': type });
  if (answered.body === null) answer.end();
  else if (type.includes('json')) answer.end(here(await answered.text()));
  else await pipeline(Readable.fromWeb(answered.body), answer);
}
