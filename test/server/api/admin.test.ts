import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { ADMIN_JOBS } from '#protocol/wire/routes.ts';
import { ask, openServer } from './open-server.ts';

test('who has the token of the data folder has jobs done, and nobody else', async (t) => {
  const { url, data } = await openServer(t);
  const file = join(data, 'admin-token');
  t.equal(statSync(file).mode & 0o777, 0o600, 'only the user of the server reads it');
  const token = readFileSync(file, 'utf8').trim();
  const as = (authorization: string | undefined, job: string) =>
    ask(url, '/admin/jobs', {
      json: { job },
      headers: authorization === undefined ? {} : { authorization },
    });
  for (const job of ADMIN_JOBS) {
    const { status, json } = await as(`Bearer ${token}`, job);
    t.equal(status, 200, job);
    t.match(json.status, /^(added|known)$/, job);
  }
  t.equal((await as(`Bearer ${token}`, 'format-disk')).status, 400);
  for (const other of [undefined, 'Bearer ', `Bearer ${token}x`, `Basic ${btoa(`x:${token}x`)}`, token]) {
    const { status, json } = await as(other, 'format-disk');
    t.equal(status, 401, `${other}`.slice(0, 8));
    t.equal(json.code, 'ADMIN_REQUIRED', 'before it is said what could be asked');
  }
});

test('a token that was set is the only one', async (t) => {
  const token = 'a-token-of-some-length';
  const { url } = await openServer(t, { env: { CACHALOT_SERVER_ADMIN_TOKEN: token } });
  const headers = { authorization: `Bearer ${token}` };
  t.equal((await ask(url, '/admin/jobs', { json: { job: 'sweep' }, headers })).status, 200);
});

test('one that can be guessed is refused, and not said', async (t) => {
  await t.rejects(openServer(t, { env: { CACHALOT_SERVER_ADMIN_TOKEN: 'short' } }), {
    code: 'SETTING_INVALID',
    message: /^(?!.*short)/,
  });
});
