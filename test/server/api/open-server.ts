/** A server as it runs, on a port of its own, in this process; and what clients say to it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import { API } from '#protocol/wire/routes.ts';
import { type RunningServer, serve } from '#server/main.ts';
import { commitRequest, type MadeSegment } from '../made-segments.ts';

export const ROOT = 'workspace:node_modules';

/** `data` for a folder that is there already; it is then left as it is. */
export async function openServer(
  t: Test,
  { env = {}, data, config = {} }: { env?: Record<string, string>; data?: string; config?: object } = {},
): Promise<RunningServer & { data: string }> {
  const folder = data ?? mkdtempSync(join(tmpdir(), 'cachalot-server-'));
  const server = await serve({
    flags: { port: 0, data: folder },
    surroundings: {
      env: { CACHALOT_SERVER_LOG: 'silent', ...env },
      cwd: folder,
      readFile: async () => JSON.stringify(config),
    },
  });
  t.teardown(async () => {
    await server.close();
    if (data === undefined) rmSync(folder, { recursive: true, force: true });
  });
  return { ...server, data: folder };
}

export interface Answer {
  status: number;
  headers: Headers;
  bytes: Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every shape
  json: any;
}

export interface Asked {
  method?: string;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  json?: unknown;
  bytes?: Buffer;
  signal?: AbortSignal;
}

/** `path` is below /api/v1 unless it begins with two slashes. */
export async function ask(url: string, path: string, asked: Asked = {}): Promise<Answer> {
  const { json, bytes, signal } = asked;
  const headers = { ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...asked.headers };
  const body = json === undefined ? bytes && new Uint8Array(bytes) : JSON.stringify(json);
  const method = asked.method ?? (body === undefined ? 'GET' : 'POST');
  const where = path.startsWith('//') ? path.slice(1) : `${API}${path}`;
  const response = await fetch(url + where, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
    ...(signal === undefined ? {} : { signal }),
  });
  const received = Buffer.from(await response.arrayBuffer());
  const isJson = response.headers.get('content-type')?.startsWith('application/json') && received.length > 0;
  return {
    status: response.status,
    headers: response.headers,
    bytes: received,
    json: isJson ? JSON.parse(received.toString()) : undefined,
  };
}

/** The frames of a batch. */
export function batchOf(objects: Buffer[]): Buffer {
  return Buffer.concat(
    objects.flatMap((object) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(object.length);
      return [length, object];
    }),
  );
}

/** A whole save over the wire; the answer of its commit. */
export async function save(
  url: string,
  key: string,
  segments: MadeSegment[],
  { root = ROOT, headers = {} }: { root?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const [kind, name = ''] = key.split('/');
  const opened = await ask(url, '/saves', {
    json: { kind, name: decodeURIComponent(name), key, roots: [root] },
    headers,
  });
  const { save: id } = opened.json;
  const { json } = await ask(url, `/saves/${id}/lack`, {
    json: { identities: segments.map(({ identity }) => identity) },
    headers,
  });
  const lacking = segments.filter(({ identity }) => json.lack.includes(identity));
  if (lacking.length > 0) {
    await ask(url, `/segments/write?save=${id}`, {
      bytes: batchOf(lacking.map(({ stored }) => stored)),
      headers: { 'content-type': 'application/octet-stream', ...headers },
    });
  }
  return await ask(url, `/saves/${id}/commit`, { json: commitRequest({ [root]: segments }), headers });
}

/**
 * Says exactly these bytes on a connection and returns all that comes back until the server closes it. `more` goes on saying
 * something after that, as long as it is listened to and until it has nothing more to say.
 */
export async function say(
  url: string,
  bytes: string | Buffer,
  more?: () => Buffer | undefined,
): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on('error', () => {});
  socket.write(bytes);
  const pump = () => {
    while (more !== undefined && socket.writable) {
      const next = more();
      if (next === undefined) {
        socket.end();
        return;
      }
      if (!socket.write(next)) {
        socket.once('drain', pump);
        return;
      }
    }
  };
  pump();
  return await text(socket).catch((error: Error & { code?: string }) => `broken: ${error.code}`);
}
