/** S11: what a server is told in confidence is in no line, no figure, no answer and no file of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { administrator, holding, makeToken } from '../../server/api/holders.ts';
import { ask, save } from '../../server/api/open-server.ts';
import { someSegments } from '../../server/made-segments.ts';
import { contentsBelow } from '../stored-contents.ts';
import { dataFolder, startServer } from './start-server.ts';

test('S11: no token, signature or presigned query on any route', async (t) => {
  const data = dataFolder(t);
  const { url, log, child, ended } = await startServer(t, data, {
    CACHALOT_SERVER_LOG: 'trace',
    CACHALOT_SERVER_AUTH_REQUIRED: 'true',
  });
  const server = { url, data };
  const { token } = await makeToken(server, { project: 'shop', tier: 'trusted' });
  const good = holding(token, 'refs/heads/main');
  await save(url, 'npm/shop/a', someSegments(1), { headers: good });
  const wrong = `cachalot_${'0'.repeat(16)}_${'wrong-secret-'.padEnd(43, 'x')}`;
  const said: string[] = [];
  const { json } = await ask(url, '//docs/json');
  for (const [path, methods] of Object.entries(json.paths as Record<string, object>)) {
    for (const method of Object.keys(methods)) {
      const where = `/${path.replace(/\{(\w+)\}/g, 'a'.repeat(64))}?X-Amz-Signature=presigned-4f1d&token=query-4f1d`;
      const sends = method === 'post' || method === 'put' ? { json: {} } : {};
      for (const headers of [
        good,
        holding(wrong),
        { authorization: 'Basic cGFzc3dvcmQtNGYxZA==', cookie: 'cookie-4f1d' },
      ]) {
        const answer = await ask(url, where, { method: method.toUpperCase(), headers, ...sends });
        said.push(JSON.stringify([...answer.headers]), answer.bytes.toString('latin1'));
      }
    }
  }
  said.push((await ask(url, '//metrics')).bytes.toString());
  child.kill('SIGTERM');
  await ended;
  t.match(log(), /"url":"\/api\/v1\/lookup\?X-Amz-Signature=…&token=…"/, 'requests are logged');
  const admin = administrator(server).authorization?.slice(7) ?? '';
  const kept = contentsBelow(data).filter((file) => !/^(admin-token|signing\.pem)\n/.test(file));
  const key = readFileSync(join(data, 'signing.pem'), 'utf8').split('\n')[1] ?? '';
  const secrets = [
    token.slice(-43),
    wrong.slice(-43),
    'presigned-4f1d',
    'query-4f1d',
    'cGFzc3dvcmQtNGYxZA',
    'password-4f1d',
    'cookie-4f1d',
    admin,
    key,
  ];
  for (const secret of secrets) {
    t.ok(secret.length > 8);
    t.notOk(log().includes(secret), 'the log');
    t.notOk(
      said.some((text) => text.includes(secret)),
      'answers and figures',
    );
    t.notOk(
      kept.some((file) => file.includes(secret)),
      'files',
    );
  }
});
