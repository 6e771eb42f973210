/**
 * Connections to the store: kept open, bounded in number, and given up when nothing moves on them for too long. The SDK's own
 * time-outs count from the request on and cannot be held while a reader of ours pauses; these belong to the socket.
 */
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface Connections {
  httpAgent: http.Agent;
  httpsAgent: https.Agent;
}

/** At most `connections` at once; one on which nothing moves for `idle` milliseconds while it is in use fails. */
export function openConnections(connections: number, idle: number): Connections {
  const options = { keepAlive: true, maxSockets: connections, timeout: idle };
  return { httpAgent: new IdleHttpAgent(options), httpsAgent: new IdleHttpsAgent(options) };
}

class IdleHttpAgent extends http.Agent {
  override createConnection(...args: Parameters<http.Agent['createConnection']>): Duplex | null | undefined {
    return givenUpWhenIdle(super.createConnection(...args));
  }
}

class IdleHttpsAgent extends https.Agent {
  override createConnection(...args: Parameters<https.Agent['createConnection']>): Duplex | null | undefined {
    return givenUpWhenIdle(super.createConnection(...args));
  }
}

function givenUpWhenIdle(socket: Duplex | null | undefined): Duplex | null | undefined {
  // One that waits for its next use is closed by the agent, which hears the same event.
  (socket as Socket | undefined)?.on('timeout', function (this: Socket) {
    this.destroy(
      Object.assign(new Error('nothing came for too long'), { name: 'TimeoutError', code: 'ETIMEDOUT' }),
    );
  });
  return socket;
}
