/** Loopback servers for the tests of the client: one that answers as it is told, one that takes bytes and says nothing. */
import { spawn } from 'node:child_process';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import net from 'node:net';

/** The part of a tap test that is used here. */
export interface Teardown {
  teardown(run: () => unknown): void;
}

export interface Listening {
  url: string;
  port: number;
  /** What was asked, `METHOD /path`, in order. */
  requests: string[];
  headers: http.IncomingHttpHeaders[];
}

/** An HTTP server on a port of its own. */
export async function httpServer(t: Teardown, handler: http.RequestListener): Promise<Listening> {
  const requests: string[] = [];
  const headers: http.IncomingHttpHeaders[] = [];
  const server = http.createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    headers.push(request.headers);
    handler(request, response);
  });
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const port = await listen(server);
  return { url: `http://127.0.0.1:${port}/`, port, requests, headers };
}

/** A server below HTTP: what it does with a connection is the test's. */
export async function rawServer(t: Teardown, connected: (socket: net.Socket) => void): Promise<Listening> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    connected(socket);
  });
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const port = await listen(server);
  return { url: `http://127.0.0.1:${port}/`, port, requests: [], headers: [] };
}

/** A port on which nothing listens (any more). */
export async function closedPort(): Promise<number> {
  const server = net.createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export function json(response: http.ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

export async function bodyOf(request: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/**
 * An address that swallows packets, as a firewall does: its queue of connections is full and nobody takes any from it, so
 * the kernel answers no further attempt.
 */
export async function swallowingPort(t: Teardown): Promise<number> {
  const program = `
    const server = require('node:net').createServer();
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:fs').writeSync(1, server.address().port + '\\n');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });
  `;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const sockets: net.Socket[] = [];
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    child.kill('SIGKILL');
  });
  const port = Number(await new Promise((resolve) => child.stdout.once('data', resolve)));
  for (let unanswered = false; !unanswered; ) {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    sockets.push(socket);
    unanswered = await new Promise((resolve) => {
      socket.once('connect', () => resolve(false));
      setTimeout(() => resolve(true), 150);
    });
  }
  return port;
}
