import { chmodSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import { openAdminToken } from '#server/auth/admin-token.ts';

test('a token is made at the first start, for the server’s user alone, and is the same afterwards', async (t) => {
  const file = join(t.testdir(), 'admin-token');
  const first = await openAdminToken(file);
  const token = readFileSync(file, 'utf8').trim();
  t.equal(token.length, 43);
  t.equal(statSync(file).mode & 0o777, 0o600);
  chmodSync(file, 0o644);
  const second = await openAdminToken(file);
  t.equal(statSync(file).mode & 0o777, 0o600, 'it is closed again');
  for (const allows of [first, second]) {
    t.ok(allows({ authorization: `Bearer ${token}` }));
    t.ok(allows({ authorization: `basic ${Buffer.from(`me:${token}`).toString('base64')}` }));
  }
});

test('nothing else is taken for it', async (t) => {
  const file = join(t.testdir(), 'admin-token');
  const allows = await openAdminToken(file);
  const token = readFileSync(file, 'utf8').trim();
  const headers = [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    token,
    `Bearer ${token}x`,
    `Bearer ${token.slice(1)}`,
    `Digest ${token}`,
    `Basic ${Buffer.from(`${token}:`).toString('base64')}`,
    `Basic ${Buffer.from(token).toString('base64')}`,
  ];
  for (const authorization of headers) t.notOk(allows({ authorization }), String(authorization));
});

test('one that is given counts, and the folder is left alone; one that can be guessed is refused', async (t) => {
  const file = join(t.testdir(), 'admin-token');
  const allows = await openAdminToken(file, 'sixteen-letters-');
  t.ok(allows({ authorization: 'Bearer sixteen-letters-' }));
  t.throws(() => statSync(file));
  const refused = await openAdminToken(file, 'short-secret').catch((error: unknown) => error);
  t.ok(isFault(refused, 'SETTING_INVALID'));
  t.notMatch(String(refused), /short-secret/);
});
