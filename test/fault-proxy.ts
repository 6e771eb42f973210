/**
 * A TCP proxy on the loopback that does what networks do: it delays, cuts connections after so many bytes, swallows what it is
 * given, or is not there. What goes through it, it does not read; so it stands before any server.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What happens from now on; nothing by default. Bytes count from the moment that the fault is set, by connection. */
export interface Fault {
  /** Milliseconds that each piece is on its way longer, in both directions. */
  delay?: number;
  /** After so many bytes of the server's, both ends are cut off. */
  cutAfter?: number;
  /** The first cut is the last. */
  once?: boolean;
  /** After so many bytes of the server's, nothing passes any more, and both ends stay open. */
  swallowAfter?: number;
  /** The same for the bytes of the client. */
  swallowSentAfter?: number;
  /** Connections are cut off as they come. */
  refuse?: boolean;
}

export interface FaultProxy {
  host: string;
  port: number;
  /** In place of the last one; connections that are open have it too. */
  set(fault: Fault): void;
  /** Cuts off every connection that is open. */
  cut(): void;
  /** Connections taken since the start. */
  readonly connections: number;
  close(): Promise<void>;
}

/** Stands before the server at `host` and `port`. */
export async function startFaultProxy(port: number, host = '127.0.0.1'): Promise<FaultProxy> {
  const sockets = new Set<Socket>();
  let fault: Fault = {};
  /** Counts the faults that were set: bytes begin anew with each. */
  let setting = 0;
  let connections = 0;
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    return socket;
  };

  function pass(
    from: Socket,
    to: Socket,
    limits: (fault: Fault) => { cut?: number; swallow?: number },
  ): void {
    let passed = 0;
    let since = setting;
    let before = Promise.resolve();
    from.on('data', (piece: Buffer) => {
      if (since !== setting) [passed, since] = [0, setting];
      const { cut = Number.POSITIVE_INFINITY, swallow = Number.POSITIVE_INFINITY } = limits(fault);
      const through = piece.subarray(0, Math.max(0, Math.min(cut, swallow) - passed));
      passed += piece.length;
      const ends = passed >= cut;
      const { delay = 0, once: onlyOnce = false } = fault;
      if (ends && onlyOnce) fault = {};
      const write = () => {
        if (to.destroyed) return;
        if (through.length > 0 && !to.write(through)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
        if (!ends) return;
        to.end();
        from.destroy();
      };
      if (delay === 0) return write();
      before = Promise.all([before, new Promise((resolve) => setTimeout(resolve, delay))]).then(write);
    });
    from.on('end', () => void before.then(() => to.end()));
    // What one end suffers, the other learns.
    from.on('error', () => to.destroy());
    from.on('close', () => void before.then(() => to.end()));
  }

  const server = createServer((client) => {
    connections += 1;
    if (fault.refuse === true) {
      client.destroy();
      return;
    }
    const upstream = keep(connect(port, host));
    keep(client);
    pass(client, upstream, ({ swallowSentAfter }) =>
      swallowSentAfter === undefined ? {} : { swallow: swallowSentAfter },
    );
    pass(upstream, client, ({ cutAfter, swallowAfter }) => ({
      ...(cutAfter === undefined ? {} : { cut: cutAfter }),
      ...(swallowAfter === undefined ? {} : { swallow: swallowAfter }),
    }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    set(next) {
      fault = next;
      setting += 1;
    },
    cut,
    get connections() {
      return connections;
    },
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
