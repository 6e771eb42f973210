/**
 * A judge of what goes over the wire: an HTTP relay in front of a server that counts requests and bytes of bodies. Never on the
 * way while time is measured.
 */
import { Agent, createServer, request } from 'node:http';
import type { Stage } from './stage.ts';

export interface Counter {
  port: number;
  requests: number;
  /** Bytes of requests' bodies and of answers' bodies. */
  up: number;
  down: number;
  /** `GET /path` of each, in order. */
  paths: string[];
  reset(): void;
}

/** Relays to the server at `upstream` until the stage ends. */
export function startCounter(stage: Stage, upstream: number): Promise<Counter> {
  const agent = new Agent({ keepAlive: true });
  const counter: Counter = { port: 0, requests: 0, up: 0, down: 0, paths: [], reset };
  function reset(): void {
    Object.assign(counter, { requests: 0, up: 0, down: 0, paths: [] });
  }
  const server = createServer((asked, answer) => {
    counter.requests += 1;
    counter.paths.push(`${asked.method} ${asked.url}`);
    const onward = request(
      {
        agent,
        host: '127.0.0.1',
        port: upstream,
        method: asked.method,
        path: asked.url,
        headers: asked.headers,
      },
      (answered) => {
        answer.writeHead(answered.statusCode ?? 502, answered.rawHeaders);
        answered.on('data', (chunk: Buffer) => {
          counter.down += chunk.length;
        });
        answered.pipe(answer);
      },
    );
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    asked.on('data', (chunk: Buffer) => {
      counter.up += chunk.length;
    });
    asked.pipe(onward);
  });
  stage.defer(() => {
    agent.destroy();
    server.closeAllConnections();
    server.close();
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) counter.port = address.port;
      resolve(counter);
    });
  });
}
