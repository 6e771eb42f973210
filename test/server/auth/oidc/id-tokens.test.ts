/** S4, and issuers that are down, slow, or liars. */
import { createHmac } from 'node:crypto';
import { CompactSign, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { test } from 'tap';
import { KEPT_MS, KeySource, QUIET_MS, STALE_MS } from '#server/auth/oidc/key-source.ts';
import { codeOf } from '../../entries/open-entries.ts';
import { AUDIENCE, GITHUB, openIssuer } from './issuer.ts';

const DISCOVERY = '/.well-known/openid-configuration';

test('S4: what is not signed by a key of the issuer, for us and for now, is refused', async (t) => {
  const issuer = await openIssuer(t);
  const { tokens, wait } = issuer.trust();
  const good = await issuer.sign(GITHUB);
  t.match(await tokens.allowance(good), { tier: 'trusted' });
  for (const alg of ['ES256', 'EdDSA']) t.ok(await tokens.allowance(await issuer.sign(GITHUB, { alg })), alg);
  const claims = { ...GITHUB, iss: issuer.url, aud: AUDIENCE, exp: Math.floor(Date.now() / 1000) + 300 };
  const [head = '', body = '', signature = ''] = good.split('.');
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const pem = await issuer.publicPem();
  const hmacOf = (header: object) => {
    const text = `${part(header)}.${part(claims)}`;
    return `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`;
  };
  const { privateKey } = await generateKeyPair('RS256');
  const kid = JSON.parse(Buffer.from(head, 'base64url').toString()).kid;
  const other = new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid });
  const rows: [what: string, token: string][] = [
    ['another audience', await issuer.sign({ ...GITHUB, aud: 'https://other.example' })],
    ['no audience', await issuer.sign({ ...GITHUB, aud: undefined } as never)],
    ['another issuer', await issuer.sign({ ...GITHUB, iss: 'https://other.example' })],
    ['no issuer', await issuer.sign({ ...GITHUB, iss: undefined } as never)],
    ['alg: none', new UnsecuredJWT(claims).encode()],
    ['alg: none, in other letters', `${part({ alg: 'nOnE' })}.${body}.`],
    ['HS256 with the public key', hmacOf({ alg: 'HS256', typ: 'JWT' })],
    ['HS256 with the public key, by its name', hmacOf({ alg: 'HS256', kid })],
    ['another key under its name', await other.sign(privateKey)],
    ['other claims under its signature', `${head}.${part({ ...claims, repository_id: '1' })}.${signature}`],
    ['no signature', `${head}.${body}.`],
    ['a cut one', good.slice(0, -5)],
    [
      'no claims',
      await new CompactSign(Buffer.from('[]')).setProtectedHeader({ alg: 'RS256', kid }).sign(privateKey),
    ],
    ['no expiry', `${head}.${part({ ...claims, exp: undefined })}.${signature}`],
    ['expired', await issuer.sign(GITHUB, { lasts: '-2m' })],
    ['for later', await issuer.sign({ ...GITHUB, nbf: Math.floor(Date.now() / 1000) + 120 })],
    ['a critical extension', `${part({ alg: 'RS256', kid, crit: ['x'], x: 1 })}.${body}.${signature}`],
    ['a large one', `${head}.${part({ ...claims, x: 'x'.repeat(100_000) })}.${signature}`],
  ];
  for (const [what, token] of rows) {
    t.ok(tokens.isOne(token), what);
    const error: unknown = await tokens.allowance(token).catch((thrown: unknown) => thrown);
    t.match(error, { code: 'CREDENTIAL_REFUSED' }, what);
    if (/alg:|HS256/.test(what)) t.match(error, { message: /algorithm/ }, `${what}: for that`);
  }
  t.equal(issuer.asked.filter((path) => path === '/keys').length, 1, 'and it was asked once');
  t.ok(await tokens.allowance(await issuer.sign(GITHUB, { lasts: '-30s' })), 'clocks may differ by a minute');
  wait(7 * 60_000);
  t.equal(await codeOf(tokens.allowance(good)), 'CREDENTIAL_REFUSED');
});

test('keys are rotated: a new one is found, a liar makes nobody ask again and again', async (t) => {
  const issuer = await openIssuer(t);
  const { tokens, wait } = issuer.trust();
  const asked = () => issuer.asked.filter((path) => path === '/keys').length;
  const old = await issuer.sign(GITHUB, { lasts: '1h' });
  await Promise.all(Array.from({ length: 20 }, () => tokens.allowance(old)));
  t.equal(asked(), 1, 'many at once are one question');
  for (let time = 0; time < 20; time++)
    await codeOf(tokens.allowance(await issuer.sign(GITHUB, { kid: `made-up-${time}` })));
  t.equal(asked(), 1);
  await issuer.rotate();
  const fresh = await issuer.sign(GITHUB, { lasts: '1h' });
  t.equal(await codeOf(tokens.allowance(fresh)), 'CREDENTIAL_REFUSED', 'not in the quiet time');
  wait(QUIET_MS);
  t.ok(await tokens.allowance(fresh));
  t.equal(asked(), 2);
  t.equal(await codeOf(tokens.allowance(old)), 'CREDENTIAL_REFUSED', 'the old one is published no more');
  wait(KEPT_MS);
  t.ok(await tokens.allowance(fresh));
  t.equal(asked(), 3, 'and is looked for once more after a while');
});

test('an issuer that is down, slow or answers garbage is one bounded question, and a refusal', async (t) => {
  const issuer = await openIssuer(t);
  const huge = Buffer.alloc(64 * 1024, 0x20);
  let sent = 0;
  const cases: [what: string, path: string, answer: Parameters<typeof issuer.answers.set>[1]][] = [
    ['an error', DISCOVERY, (_, reply) => reply.writeHead(500).end()],
    ['no JSON', DISCOVERY, (_, reply) => reply.end('<html>')],
    ['null', DISCOVERY, (_, reply) => reply.end('null')],
    [
      'another issuer',
      DISCOVERY,
      (_, reply) => reply.end(JSON.stringify({ issuer: 'x', jwks_uri: `${issuer.url}/keys` })),
    ],
    ['a redirect', DISCOVERY, (_, reply) => reply.writeHead(302, { location: `${issuer.url}/moved` }).end()],
    [
      'keys elsewhere in plain text',
      DISCOVERY,
      (_, reply) =>
        reply.end(JSON.stringify({ issuer: issuer.url, jwks_uri: 'http://169.254.169.254/keys' })),
    ],
    ['no keys', '/keys', (_, reply) => reply.end('{"keys":[]}')],
    ['keys that are none', '/keys', (_, reply) => reply.end('{"keys":["x",null,{}]}')],
    [
      'very many keys',
      '/keys',
      (_, reply) =>
        reply.end(JSON.stringify({ keys: Array.from({ length: 1_000 }, () => ({ kty: 'RSA' })) })),
    ],
    ['a cut connection', '/keys', (request) => request.socket.destroy()],
    [
      'no end',
      '/keys',
      (_, reply) => {
        const more = () => {
          do sent += huge.length;
          while (reply.writable && reply.write(huge));
        };
        reply.on('drain', more);
        more();
      },
    ],
  ];
  const token = await issuer.sign(GITHUB);
  for (const [what, path, answer] of cases) {
    issuer.answers.clear();
    issuer.answers.set(path, answer);
    issuer.asked.length = 0;
    const { tokens, wait } = issuer.trust();
    t.equal(await codeOf(tokens.allowance(token)), 'CREDENTIAL_REFUSED', what);
    for (let time = 0; time < 5; time++) await codeOf(tokens.allowance(token));
    t.equal(issuer.asked.filter((one) => one === path).length, 1, `${what}: asked once`);
    issuer.answers.clear();
    wait(QUIET_MS);
    t.ok(await tokens.allowance(token), `${what}: and again when it may be well`);
    t.notOk(issuer.asked.includes('/moved'), 'no redirect is followed');
  }
  t.ok(sent < 32 * 1024 * 1024, 'what has no end is not read to its time');
});

test('an issuer that fails for a while takes no build with it, and no lie makes it', async (t) => {
  const issuer = await openIssuer(t);
  const { tokens, wait } = issuer.trust();
  const token = await issuer.sign(GITHUB, { lasts: '3h' });
  t.ok(await tokens.allowance(token));
  issuer.answers.set('/keys', (_, reply) => reply.writeHead(500).end());
  wait(QUIET_MS);
  t.equal(
    await codeOf(tokens.allowance(await issuer.sign(GITHUB, { kid: 'made-up' }))),
    'CREDENTIAL_REFUSED',
  );
  t.ok(await tokens.allowance(token));
  wait(KEPT_MS);
  t.ok(await tokens.allowance(token));
  wait(STALE_MS - KEPT_MS);
  t.equal(await codeOf(tokens.allowance(token)), 'CREDENTIAL_REFUSED', 'but not for ever');
});

test('an issuer that says nothing more is left after its time', async (t) => {
  const issuer = await openIssuer(t);
  issuer.answers.set('/keys', (_, reply) => reply.writeHead(200).write('{'));
  const keys = new KeySource(issuer.url, () => 0, 50);
  const input = { payload: '', signature: '' };
  t.equal(await codeOf(Promise.resolve(keys.keyOf({ alg: 'RS256' }, input))), 'CREDENTIAL_REFUSED');
});

test('what is no token of that kind is not taken for one', async (t) => {
  const { tokens } = (await openIssuer(t)).trust();
  for (const text of ['', 'a', 'a.b', 'a.b.c.d', `cachalot_${'0'.repeat(16)}_${'a'.repeat(43)}`, 'a b.c.d'])
    t.notOk(tokens.isOne(text), text);
});
