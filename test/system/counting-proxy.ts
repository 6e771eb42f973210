/** A forward proxy on the loopback that counts: plain requests one by one, tunnels one by one. What it carries it does not read. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface CountingProxy {
  url: string;
  port: number;
  /** Requests and tunnels since the last call. */
  taken(): number;
  close(): Promise<void>;
}

export async function startCountingProxy(): Promise<CountingProxy> {
  let count = 0;
  const sockets = new Set<Duplex>();
  const keep = <T extends Duplex>(socket: T): T => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // The other side may be gone at any moment; then so is this one.
    socket.on('error', () => socket.destroy());
    return socket;
  };
  const server = createServer((incoming, answer) => {
    count++;
    forward(incoming, answer);
  });
  server.on('connection', keep);
  server.on('connect', (incoming: IncomingMessage, client: Duplex, head: Buffer) => {
    count++;
    const [host = '', port = '443'] = (incoming.url ?? '').split(/:(?=\d+$)/);
    const upstream: Socket = keep(connect(Number(port), host));
    upstream.once('connect', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    upstream.once('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    taken() {
      const taken = count;
      count = 0;
      return taken;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function forward(incoming: IncomingMessage, answer: ServerResponse): void {
  const { 'proxy-connection': _hop, ...headers } = incoming.headers;
  const outgoing = request(incoming.url ?? '', { method: incoming.method, headers }, (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers);
    response.pipe(answer);
  });
  outgoing.on('error', () => answer.destroy());
  incoming.pipe(outgoing);
}
