/** An issuer on the loopback: discovery, keys, and tokens signed by them. What it answers can be replaced. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import type { Test } from 'tap';
import { IdTokens } from '#server/auth/oidc/id-tokens.ts';
import type { Issuer } from '#server/auth/oidc/issuers.ts';

export const AUDIENCE = 'https://cache.example';

export interface LocalIssuer {
  url: string;
  /** Paths that were asked for. */
  asked: string[];
  /** Answers in place of the usual. */
  answers: Map<string, RequestListener>;
  /** Signs with its newest key unless another algorithm is named. */
  sign(claims: JWTPayload, options?: { alg?: string; kid?: string; lasts?: string }): Promise<string>;
  /** Makes a new key for RS256; the old one is published no more. */
  rotate(): Promise<void>;
  /** The public key of RS256 in PEM, which is everybody's to have. */
  publicPem(): Promise<string>;
  /** As the configuration names it, and what it verifies; the clocks can be set. */
  trust(issuer?: Partial<Issuer>): { tokens: IdTokens; wait(milliseconds: number): void };
}

export async function openIssuer(t: Test): Promise<LocalIssuer> {
  const keys = new Map<
    string,
    { kid: string; publicJwk: JWK } & Awaited<ReturnType<typeof generateKeyPair>>
  >();
  let made = 0;
  const add = async (alg: string) => {
    const pair = await generateKeyPair(alg, { extractable: true });
    const kid = `key-${++made}`;
    keys.set(alg, {
      ...pair,
      kid,
      publicJwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' },
    });
  };
  for (const alg of ['RS256', 'ES256', 'EdDSA']) await add(alg);
  const asked: string[] = [];
  const answers = new Map<string, RequestListener>();
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const usual: RequestListener = (_, reply) => {
      const document = path.endsWith('/keys')
        ? { keys: [...keys.values()].map(({ publicJwk }) => publicJwk) }
        : { issuer: url, jwks_uri: `${url}/keys` };
      reply.setHeader('content-type', 'application/json').end(JSON.stringify(document));
    };
    (answers.get(path) ?? usual)(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const keyOf = (alg: string) => {
    const key = keys.get(alg);
    if (key === undefined) throw new Error(`no key of ${alg}`);
    return key;
  };
  return {
    url,
    asked,
    answers,
    async sign(claims, { alg = 'RS256', kid, lasts = '5m' } = {}) {
      const key = keyOf(alg);
      return await new SignJWT({ iss: url, aud: AUDIENCE, sub: 'x', ...claims })
        .setProtectedHeader({ alg, kid: kid ?? key.kid, typ: 'JWT' })
        .setIssuedAt()
        .setExpirationTime(lasts)
        .sign(key.privateKey);
    },
    rotate: () => add('RS256'),
    publicPem: () => exportSPKI(keyOf('RS256').publicKey),
    trust(issuer = {}) {
      let later = 0;
      const tokens = new IdTokens({
        issuers: [{ name: 'github', issuer: url, audience: AUDIENCE, provider: 'github', ...issuer }],
        clock: () => later,
        now: () => Date.now() + later,
      });
      return {
        tokens,
        wait(milliseconds) {
          later += milliseconds;
        },
      };
    },
  };
}

/** As GitHub's documentation and its runners show them, of a push. */
export const GITHUB = {
  sub: 'repo:octo-org/octo-repo:ref:refs/heads/main',
  actor: 'octocat',
  actor_id: '12',
  base_ref: '',
  event_name: 'push',
  head_ref: '',
  job_workflow_ref: 'octo-org/octo-repo/.github/workflows/ci.yml@refs/heads/main',
  ref: 'refs/heads/main',
  ref_protected: 'true',
  ref_type: 'branch',
  repository: 'octo-org/octo-repo',
  repository_id: '74',
  repository_owner: 'octo-org',
  repository_owner_id: '65',
  repository_visibility: 'private',
  run_attempt: '2',
  run_id: '7',
  run_number: '10',
  runner_environment: 'github-hosted',
  workflow: 'ci',
};

/** As GitLab's documentation shows them, of a push to a protected branch. */
export const GITLAB = {
  namespace_id: '72',
  namespace_path: 'my-group',
  project_id: '20',
  project_path: 'my-group/my-project',
  user_id: '1',
  user_login: 'sample-user',
  pipeline_id: '574',
  pipeline_source: 'push',
  job_id: '302',
  ref: 'main',
  ref_type: 'branch',
  ref_path: 'refs/heads/main',
  ref_protected: 'true',
  runner_environment: 'self-hosted',
  sub: 'project_path:my-group/my-project:ref_type:branch:ref:main',
};
