import { test } from 'tap';
import { readIssuers } from '#server/auth/oidc/issuers.ts';

const GITHUB = {
  name: 'github',
  issuer: 'https://token.actions.githubusercontent.com',
  audience: 'https://cache.example',
  provider: 'github',
};
const MAPPED = { ...GITHUB, name: 'ci', issuer: 'https://ci.example', provider: 'mapping' };

test('issuers are read whole, or it is said which one is wrong', async (t) => {
  t.same(readIssuers([]), []);
  const claims = { project: 'p', ref: 'r', trusted: { kind: ['push'] }, untrusted: { kind: 'pr' } };
  t.same(readIssuers([GITHUB, { ...MAPPED, claims }]), [GITHUB, { ...MAPPED, claims }]);
  t.ok(Array.isArray(readIssuers([{ ...GITHUB, issuer: 'http://127.0.0.1:8080' }])));
  const rows: [value: unknown, why: RegExp][] = [
    ['https://x', /no list/],
    [[null], /number 1 is no object/],
    [[{ ...GITHUB, name: 'GitHub' }], /name/],
    [[{ ...GITHUB, name: 'local' }], /name/],
    [[{ ...GITHUB, name: 'static' }], /name/],
    [[{ ...GITHUB, issuer: 'http://ci.example' }], /https/],
    [[{ ...GITHUB, issuer: 'https://u:p@ci.example' }], /https/],
    [[{ ...GITHUB, issuer: 'https://ci.example/?x' }], /https/],
    [[{ ...GITHUB, audience: '' }], /audience/],
    [[{ ...GITHUB, audience: undefined }], /audience/],
    [[{ ...GITHUB, provider: 'git' }], /provider/],
    [[{ ...GITHUB, jwks: 'x' }], /field jwks/],
    [[{ ...GITHUB, claims }], /mapping/],
    [[MAPPED], /mapping/],
    [[{ ...MAPPED, claims: { project: 'p' } }], /claims/],
    [[{ ...MAPPED, claims: { ...claims, trusted: {} } }], /claims/],
    [[{ ...MAPPED, claims: { ...claims, trusted: { kind: [] } } }], /claims/],
    [[{ ...MAPPED, claims: { ...claims, trusted: { kind: true } } }], /claims/],
    [[{ ...MAPPED, claims: { ...claims, domain: 'd' } }], /claims/],
    [[GITHUB, { ...GITHUB, name: 'other' }], /one issuer/],
    [[GITHUB, { ...GITHUB, issuer: 'https://other.example' }], /one name/],
  ];
  for (const [value, why] of rows) t.match(readIssuers(value), { why }, JSON.stringify(value));
});
