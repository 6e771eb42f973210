/** A certificate authority of the test's own, and servers with its certificates. Needs openssl on the machine. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Listening, Teardown } from './servers.ts';

export interface Issued {
  certFile: string;
  keyFile: string;
}

export interface Authority {
  /** Its own certificate, PEM. */
  file: string;
  /** A certificate for a host name or an IP address. */
  issue(host: string): Issued;
}

export function authority(t: Teardown): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'cachalot-ca-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...curve,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=Test authority',
  );
  let issued = 0;
  return {
    file: join(folder, 'ca.pem'),
    issue(host) {
      const name = `host${issued++}`;
      const kind = /^[\d.]+$/.test(host) ? 'IP' : 'DNS';
      writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${kind}:${host}\n`);
      openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${host}`);
      const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
      openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-extfile', `${name}.ext`, '-out', `${name}.pem`);
      return { certFile: join(folder, `${name}.pem`), keyFile: join(folder, `${name}.key`) };
    },
  };
}

/** An HTTPS server; with `clients`, one that lets in only who has a certificate of that authority. */
export async function httpsServer(
  t: Teardown,
  { certFile, keyFile }: Issued,
  handler: http.RequestListener,
  clients?: Authority,
): Promise<Listening> {
  const requests: string[] = [];
  const server = https.createServer(
    {
      cert: readFileSync(certFile),
      key: readFileSync(keyFile),
      ...(clients === undefined
        ? {}
        : { ca: readFileSync(clients.file), requestCert: true, rejectUnauthorized: true }),
    },
    (request, response) => {
      requests.push(`${request.method} ${request.url}`);
      handler(request, response);
    },
  );
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `https://127.0.0.1:${port}/`, port, requests, headers: [] };
}
