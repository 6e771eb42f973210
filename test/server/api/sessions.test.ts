/** A server that is told of an issuer, a build with that issuer's token, and all that is between them. */
import { test } from 'tap';
import { createClient } from '#runner-plugin/client/client.ts';
import { settingsOf } from '../../runner-plugin/client/settings-of.ts';
import { AUDIENCE, GITLAB, openIssuer } from '../auth/oidc/issuer.ts';
import { someSegments } from '../made-segments.ts';
import { holding } from './holders.ts';
import { ask, openServer, ROOT, save } from './open-server.ts';

test('a merge request’s build exchanges its token, reads the target’s entries and writes apart', async (t) => {
  const issuer = await openIssuer(t);
  const issuers = [{ name: 'gitlab', issuer: issuer.url, audience: AUDIENCE, provider: 'gitlab' }];
  const server = await openServer(t, { config: { auth: { required: true, issuers } } });
  const { url } = server;
  const main = holding(await issuer.sign(GITLAB));
  t.equal(
    (await save(url, 'npm/shop/a', someSegments(1), { headers: main })).status,
    200,
    'the token itself counts',
  );
  const request = {
    ...GITLAB,
    pipeline_source: 'merge_request_event',
    ref_path: 'refs/merge-requests/7/head',
  };
  const client = createClient(
    settingsOf(t, url, {
      CACHALOT_ID_TOKEN: await issuer.sign(request),
      GITLAB_CI: 'true',
      CI_MERGE_REQUEST_REF_PATH: 'refs/merge-requests/7/head',
      CI_MERGE_REQUEST_TARGET_BRANCH_NAME: 'main',
    }),
  );
  t.teardown(() => client.close());
  t.match(await client.whoami(), {
    domain: 'gitlab:72',
    tier: 'untrusted',
    scope: '20,untrusted,mr/20/refs/merge-requests/7/head',
  });
  const [found] = await client.lookup([{ keys: ['npm/shop/a'], roots: [ROOT] }]);
  t.equal(found?.hit, 'exact');
  const opened = await client.openSave({ kind: 'npm', name: 'shop', key: 'npm/shop/b', roots: [ROOT] });
  t.ok(opened.save);
  const wrong = await ask(url, '/whoami', { headers: holding(await issuer.sign({ ...GITLAB, aud: 'x' })) });
  t.match(wrong, { status: 401, json: { code: 'CREDENTIAL_REFUSED', message: /claim aud/ } });
});
