/**
 * Proxies from the environment. The server's name is one that only the proxy knows, so an answer proves the way it took.
 */
import http from 'node:http';
import net from 'node:net';
import { test } from 'tap';
import { createClient } from '#runner-plugin/client/client.ts';
import { isLoopback } from '#runner-plugin/client/loopback.ts';
import { need } from '../../needs.ts';
import { authority, httpsServer } from './certificates.ts';
import { httpServer, json, type Listening, type Teardown } from './servers.ts';
import { settingsOf } from './settings-of.ts';

const GRANT = {
  domain: 'd',
  project: 'p',
  tier: 'trusted',
  scope: 's',
  reads: [],
  server: { version: '0', format: 1 },
};

interface Proxy {
  url: string;
  /** `CONNECT host:port`, or `GET http://…`. */
  asked: string[];
  credentials: (string | undefined)[];
}

/** A forward proxy for which every name is this machine. */
async function forwardProxy(t: Teardown, refuse?: number): Promise<Proxy> {
  const asked: string[] = [];
  const credentials: (string | undefined)[] = [];
  const sockets = new Set<net.Socket>();
  const server = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    credentials.push(request.headers['proxy-authorization']);
    if (refuse !== undefined) {
      response.writeHead(refuse).end();
      return;
    }
    const url = new URL(request.url ?? '');
    const onward = http.request(
      { port: url.port, path: url.pathname, method: request.method, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    request.pipe(onward);
  });
  server.on('connect', (request, socket: net.Socket, head) => {
    asked.push(`CONNECT ${request.url}`);
    credentials.push(request.headers['proxy-authorization']);
    sockets.add(socket);
    socket.on('error', () => {});
    if (refuse !== undefined) {
      socket.end(`HTTP/1.1 ${refuse} No\r\n\r\n`);
      return;
    }
    const onward = net.connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    sockets.add(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`, asked, credentials };
}

async function whoami(t: Teardown, url: string, env: Record<string, string>): Promise<unknown> {
  const client = createClient(settingsOf(t, url, env), { random: () => 0 });
  t.teardown(() => client.close());
  return client.whoami();
}

const answering = (t: Teardown): Promise<Listening> =>
  httpServer(t, (_request, response) => json(response, GRANT));

test('http goes through HTTP_PROXY as plain proxied requests', async (t) => {
  const server = await answering(t);
  const proxy = await forwardProxy(t);
  const url = `http://cachalot.test:${server.port}/`;
  t.same(await whoami(t, url, { HTTP_PROXY: proxy.url }), GRANT);
  t.same(proxy.asked, [`GET http://cachalot.test:${server.port}/api/v1/whoami`]);
  t.equal(server.headers[0]?.host, `cachalot.test:${server.port}`);
});

test('https goes through HTTPS_PROXY as a tunnel, and the certificate is the server’s', async (t) => {
  if (!need(t, 'openssl')) return;
  const ca = authority(t);
  const server = await httpsServer(t, ca.issue('cachalot.test'), (_request, response) =>
    json(response, GRANT),
  );
  const proxy = await forwardProxy(t);
  const url = `https://cachalot.test:${server.port}/`;
  t.same(await whoami(t, url, { HTTPS_PROXY: proxy.url, CACHALOT_CA_FILE: ca.file }), GRANT);
  t.same(proxy.asked, [`CONNECT cachalot.test:${server.port}`]);
  const other = `https://other.test:${server.port}/`;
  await t.rejects(whoami(t, other, { HTTPS_PROXY: proxy.url, CACHALOT_CA_FILE: ca.file }), {
    code: 'CLIENT_UNAVAILABLE',
    message: /another name/,
  });
});

test('credentials of the proxy are for the proxy alone', async (t) => {
  const server = await answering(t);
  const proxy = await forwardProxy(t);
  const withUser = proxy.url.replace('//', '//me:p%40ss@');
  t.same(await whoami(t, `http://cachalot.test:${server.port}/`, { http_proxy: withUser }), GRANT);
  t.same(proxy.credentials, [`Basic ${Buffer.from('me:p@ss').toString('base64')}`]);
});

test('what NO_PROXY names is asked directly', async (t) => {
  const proxy = await forwardProxy(t);
  for (const none of ['cachalot.test', '.test', '*', 'other,cachalot.test:3779']) {
    await t.rejects(whoami(t, 'http://cachalot.test:3779/', { HTTP_PROXY: proxy.url, no_proxy: none }), {
      code: /^CLIENT_(UNAVAILABLE|TIMEOUT)$/,
    });
  }
  t.same(proxy.asked, []);
});

test('this machine is never asked for through a proxy', async (t) => {
  const server = await answering(t);
  const proxy = await forwardProxy(t);
  t.same(await whoami(t, server.url, { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url }), GRANT);
  t.same(proxy.asked, []);
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '[::1]'])
    t.ok(isLoopback(new URL(`http://${host}:1/`)), host);
  for (const host of ['localhost.example', '128.0.0.1', '[::2]'])
    t.notOk(isLoopback(new URL(`http://${host}:1/`)), host);
});

test('a proxy that refuses is named as the reason', async (t) => {
  if (!need(t, 'openssl')) return;
  const proxy = await forwardProxy(t, 407);
  await t.rejects(whoami(t, 'https://cachalot.test/', { HTTPS_PROXY: proxy.url }), {
    code: 'CLIENT_UNAVAILABLE',
    message: /the proxy answered 407/,
  });
  await t.rejects(whoami(t, 'http://cachalot.test/', { HTTP_PROXY: proxy.url }), {
    code: /^CLIENT_/,
    message: /407|[Pp]roxy/,
  });
});

test('a proxy that is not there is an error of the catalogue', async (t) => {
  await t.rejects(whoami(t, 'http://cachalot.test/', { HTTP_PROXY: 'http://127.0.0.1:1' }), {
    code: 'CLIENT_UNAVAILABLE',
  });
  await t.rejects(whoami(t, 'https://cachalot.test/', { HTTPS_PROXY: 'http://127.0.0.1:1' }), {
    code: 'CLIENT_UNAVAILABLE',
  });
});
