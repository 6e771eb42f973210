/**
 * The connections: undici's, with a connect time of ours, proxies from HTTP_PROXY, HTTPS_PROXY and NO_PROXY (lower case
 * first, as curl reads them), and the certificates. undici's own other times are off: client/deadline.ts has them.
 */
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { Agent, buildConnector, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { fault } from '#protocol/wire/errors.ts';
import type { Clock } from './clock.ts';
import { isLoopback } from './loopback.ts';
import type { ClientSettings } from './settings.ts';

/** What an archive's ranges, batches of segments and control requests need together. */
const CONNECTIONS = 16;

export function createDispatcher(
  settings: ClientSettings,
  clock: Clock,
  context: SecureContext | undefined,
): Dispatcher {
  const { proxies, url, budgets } = settings;
  const tls = context === undefined ? {} : { secureContext: context };
  const options = {
    connections: CONNECTIONS,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: timedConnector(clock, budgets.connect, url.href, tls),
  };
  // A proxy cannot mean this machine by "localhost"; Go's clients leave it out as well.
  if (isLoopback(url) || (proxies.http === '' && proxies.https === '')) return new Agent(options);
  return new EnvHttpProxyAgent({
    ...options,
    httpProxy: proxies.http,
    httpsProxy: proxies.https,
    noProxy: proxies.none,
    // Proxies commonly refuse CONNECT to other ports than 443, and need none for http.
    proxyTunnel: false,
    requestTls: { ...tls, timeout: budgets.connect },
    proxyTls: { ...tls, timeout: budgets.connect },
  });
}

function timedConnector(
  clock: Clock,
  ms: number,
  url: string,
  tls: { secureContext?: SecureContext },
): buildConnector.connector {
  // It returns the socket, which its type does not say. 0 turns its own timer off, which may be a second late.
  const connect = buildConnector({ ...tls, timeout: 0 }) as (
    ...args: Parameters<buildConnector.connector>
  ) => Socket;
  return (options, callback) => {
    let over = false;
    const cancel = clock.after(ms, () => {
      over = true;
      socket.destroy();
      callback(fault('CLIENT_TIMEOUT', { url, what: `no connection within ${ms / 1000} s` }), null);
    });
    const socket = connect(options, (...[error, connected]: Parameters<buildConnector.Callback>) => {
      if (over) return;
      cancel();
      if (error === null) callback(null, connected);
      else callback(error, null);
    });
  };
}
