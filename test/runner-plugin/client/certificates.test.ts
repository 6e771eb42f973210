import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'tap';
import { createClient } from '#runner-plugin/client/client.ts';
import { need } from '../../needs.ts';
import { authority, httpsServer } from './certificates.ts';
import { json, type Teardown } from './servers.ts';
import { settingsOf } from './settings-of.ts';

const GRANT = {
  domain: 'd',
  project: 'p',
  tier: 'trusted',
  scope: 's',
  reads: [],
  server: { version: '0', format: 1 },
};
const run = promisify(execFile);

function whoami(t: Teardown, url: string, env: Record<string, string> = {}): Promise<unknown> {
  const client = createClient(settingsOf(t, url, env));
  t.teardown(() => client.close());
  return client.whoami();
}

test('a private authority is trusted where CACHALOT_CA_FILE names it, and nowhere else', async (t) => {
  if (!need(t, 'openssl')) return;
  const ca = authority(t);
  const server = await httpsServer(t, ca.issue('127.0.0.1'), (_request, response) => json(response, GRANT));
  t.same(await whoami(t, server.url, { CACHALOT_CA_FILE: ca.file }), GRANT);
  await t.rejects(whoami(t, server.url), {
    code: 'CLIENT_UNAVAILABLE',
    message: /signed by nobody known here.*CACHALOT_CA_FILE/,
  });
  await t.rejects(whoami(t, server.url, { CACHALOT_CA_FILE: authority(t).file }), {
    code: 'CLIENT_UNAVAILABLE',
  });
});

test('a certificate for another name is refused', async (t) => {
  if (!need(t, 'openssl')) return;
  const ca = authority(t);
  const server = await httpsServer(t, ca.issue('other.test'), (_request, response) => json(response, GRANT));
  await t.rejects(whoami(t, server.url, { CACHALOT_CA_FILE: ca.file }), {
    code: 'CLIENT_UNAVAILABLE',
    message: /for another name/,
  });
});

test('a server that asks for a client certificate gets ours', async (t) => {
  if (!need(t, 'openssl')) return;
  const ca = authority(t);
  const clients = authority(t);
  const own = clients.issue('runner');
  const server = await httpsServer(
    t,
    ca.issue('127.0.0.1'),
    (_request, response) => json(response, GRANT),
    clients,
  );
  const env = { CACHALOT_CA_FILE: ca.file };
  const shown = { CACHALOT_CLIENT_CERT: own.certFile, CACHALOT_CLIENT_KEY: own.keyFile };
  t.same(await whoami(t, server.url, { ...env, ...shown }), GRANT);
  await t.rejects(whoami(t, server.url, env), { code: 'CLIENT_UNAVAILABLE' });
});

test('a file that is missing or holds something else is a bad setting, and no fault of the server', async (t) => {
  const folder = t.testdir({ 'junk.pem': 'junk' });
  const url = 'https://127.0.0.1:1/';
  await t.rejects(whoami(t, url, { CACHALOT_CA_FILE: join(folder, 'missing.pem') }), {
    code: 'SETTING_INVALID',
    message: /CACHALOT_CA_FILE.*ENOENT/,
  });
  await t.rejects(whoami(t, url, { CACHALOT_CA_FILE: join(folder, 'junk.pem') }), {
    code: 'SETTING_INVALID',
    message: /holds no CERTIFICATE/,
  });
});

test('NODE_EXTRA_CA_CERTS and the system’s authorities hold', async (t) => {
  if (!need(t, 'openssl')) return;
  const ca = authority(t);
  const server = await httpsServer(t, ca.issue('127.0.0.1'), (_request, response) => json(response, GRANT));
  // Node reads both when it starts; SSL_CERT_FILE is how OpenSSL is told where the system's list is.
  const program = `
    import { createClient } from '#runner-plugin/client/client.ts';
    import { readClientSettings } from '#runner-plugin/client/settings.ts';
    const client = createClient(readClientSettings(process.env, '0'));
    const answer = await client.whoami().catch((error) => error.code);
    console.log(answer.domain ?? answer);
    await client.close();
  `;
  const ask = async (env: Record<string, string>): Promise<string> => {
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], {
      cwd: join(import.meta.dirname, '../../..'),
      env: { PATH: process.env.PATH ?? '', CACHALOT_HOME: t.testdir(), CACHALOT_URL: server.url, ...env },
    });
    return stdout.trim();
  };
  t.equal(await ask({ NODE_EXTRA_CA_CERTS: ca.file }), 'd');
  t.equal(await ask({ SSL_CERT_FILE: ca.file }), 'd');
  t.equal(await ask({}), 'CLIENT_UNAVAILABLE');
});
