/** The table of claims, a row each: tokens shaped as the providers make them, signed by a local issuer and verified. */
import { type Test, test } from 'tap';
import { grantWithin } from '#server/auth/allowance.ts';
import type { Issuer } from '#server/auth/oidc/issuers.ts';
import { codeOf } from '../../entries/open-entries.ts';
import { GITHUB, GITLAB, type LocalIssuer, openIssuer } from './issuer.ts';

type Row = [what: string, claims: Record<string, unknown>, outcome: string];

/** `<tier> <ref that is written>`, or `refused`. */
async function hold(t: Test, issuer: LocalIssuer, options: Partial<Issuer>, usual: object, rows: Row[]) {
  const { tokens } = issuer.trust(options);
  for (const [what, claims, outcome] of rows) {
    const token = await issuer.sign({ ...usual, ...claims });
    const is = await tokens.allowance(token).then(
      ({ tier, writes }) => [tier, ...writes].join(' '),
      ({ code }: { code: string }) => code,
    );
    t.equal(is, outcome, what);
  }
}

test('GitHub', async (t) => {
  const issuer = await openIssuer(t);
  const pull = { event_name: 'pull_request', ref: 'refs/pull/7/merge', base_ref: 'main', head_ref: 'main' };
  await hold(t, issuer, {}, GITHUB, [
    ...[
      'push',
      'schedule',
      'workflow_dispatch',
      'repository_dispatch',
      'release',
      'merge_group',
      'deployment',
    ].map((event): Row => [event, { event_name: event }, 'trusted refs/heads/main']),
    ['a tag', { ref: 'refs/tags/v1', ref_type: 'tag' }, 'trusted refs/tags/v1'],
    ['a pull request', pull, 'untrusted refs/pull/7/merge'],
    ['one that says it is main', { ...pull, ref: 'refs/heads/main' }, 'read-only'],
    ['a push of what is no branch', { ref: 'refs/pull/7/merge' }, 'read-only'],
    ...['pull_request_target', 'workflow_run', 'issue_comment', 'check_run', 'anything', ''].map(
      (event): Row => [
        `${event} runs others’ code as the default branch`,
        { event_name: event },
        'read-only',
      ],
    ),
    ['no event', { event_name: undefined }, 'read-only'],
    ['no ref', { ref: undefined }, 'read-only'],
    ['a ref that is none', { ref: 'refs/heads/a b' }, 'read-only'],
    ['a ref that is a list', { ref: ['refs/heads/main'] }, 'read-only'],
    ['an environment widens nothing', { ...pull, environment: 'production' }, 'untrusted refs/pull/7/merge'],
    ['no repository', { repository_id: undefined }, 'CREDENTIAL_REFUSED'],
    ['no owner', { repository_owner_id: undefined }, 'CREDENTIAL_REFUSED'],
    ['an owner that is no number', { repository_owner_id: '65,trusted' }, 'CREDENTIAL_REFUSED'],
  ]);
  const { tokens } = issuer.trust({ name: 'ghes' });
  const { domain, project } = await tokens.allowance(await issuer.sign(GITHUB));
  t.same([domain, project], ['ghes:65', '74'], 'another installation numbers its owners for itself');
});

test('GitLab, new claims and old ones', async (t) => {
  const issuer = await openIssuer(t);
  const { ref_path: _path, ...old } = GITLAB;
  const request = {
    pipeline_source: 'merge_request_event',
    ref: 'refs/merge-requests/7/head',
    ref_path: 'refs/merge-requests/7/head',
  };
  const parent = { project_id: '31', job_project_id: '20', job_namespace_id: '72', namespace_id: '99' };
  const rows: Row[] = [
    ['a protected branch', {}, 'trusted refs/heads/main'],
    ['a protected tag', { ref_type: 'tag', ref: 'v1', ref_path: 'refs/tags/v1' }, 'trusted refs/tags/v1'],
    ['a branch that is not protected', { ref_protected: 'false' }, 'untrusted refs/heads/main'],
    ['protected is a text', { ref_protected: true }, 'untrusted refs/heads/main'],
    ['nobody says whether', { ref_protected: undefined }, 'untrusted refs/heads/main'],
    ['a merge request', request, 'untrusted mr/20/refs/merge-requests/7/head'],
    ['a protected one', { ...request, ref_protected: 'true' }, 'untrusted mr/20/refs/merge-requests/7/head'],
    [
      'an external one',
      { pipeline_source: 'external_pull_request_event' },
      'untrusted mr/20/refs/heads/main',
    ],
    ['nobody says what began it', { pipeline_source: undefined }, 'untrusted mr/20/refs/heads/main'],
    ['a fork in its parent’s project', parent, 'untrusted mr/31/refs/heads/main'],
    [
      'a job of the project itself',
      { job_project_id: '20', job_namespace_id: '72' },
      'trusted refs/heads/main',
    ],
    ['no ref', { ref_path: undefined, ref: undefined }, 'read-only'],
    ['a short ref alone', { ref_path: undefined, ref_type: undefined }, 'read-only'],
    ['a ref that is none', { ref_path: 'refs/heads/../x' }, 'read-only'],
    ['no project', { project_id: undefined }, 'CREDENTIAL_REFUSED'],
    ['no namespace', { namespace_id: undefined }, 'CREDENTIAL_REFUSED'],
  ];
  await hold(t, issuer, { name: 'gitlab', provider: 'gitlab' }, GITLAB, rows);
  await hold(t, issuer, { name: 'gitlab', provider: 'gitlab' }, old, [
    ['a branch', {}, 'trusted refs/heads/main'],
    ['a tag of the same name', { ref_type: 'tag' }, 'trusted refs/tags/main'],
    ['another type', { ref_type: 'merge' }, 'read-only'],
  ]);
  const { tokens } = issuer.trust({ name: 'gitlab', provider: 'gitlab' });
  const allowed = await tokens.allowance(await issuer.sign({ ...GITLAB, ...parent, ...request }));
  t.match(allowed, { domain: 'gitlab:72', project: '20' }, 'the domain and project that it is for');
  const grant = grantWithin(allowed, { own: 'refs/merge-requests/7/head', base: 'refs/heads/main' });
  t.equal(
    grant.scope,
    '20,untrusted,mr/31/refs/merge-requests/7/head',
    'by the name that its runner has for it',
  );
  t.ok(grant.reads.includes('20,trusted,refs/heads/main'));
  t.equal(grantWithin(allowed, { own: 'refs/heads/main' }).scope, undefined);
});

test('another issuer, by a mapping', async (t) => {
  const issuer = await openIssuer(t);
  const claims = {
    project: 'repo',
    ref: 'git_ref',
    trusted: { kind: ['push', 'cron'], protected: 'yes' },
    untrusted: { kind: 'proposal' },
  };
  const usual = { repo: 'group/shop', git_ref: 'refs/heads/main', kind: 'push', protected: 'yes' };
  await hold(t, issuer, { name: 'ci', provider: 'mapping', claims }, usual, [
    ['all that is asked for', {}, 'trusted refs/heads/main'],
    ['another of the values', { kind: 'cron' }, 'trusted refs/heads/main'],
    ['not all of it', { protected: 'no' }, 'read-only'],
    ['one is absent', { protected: undefined }, 'read-only'],
    ['a truth in place of a text', { protected: true }, 'read-only'],
    ['untrusted', { kind: 'proposal' }, 'untrusted refs/heads/main'],
    ['no ref', { git_ref: 'main' }, 'read-only'],
    ['a project that is none', { repo: 'Group,trusted' }, 'CREDENTIAL_REFUSED'],
    ['no project', { repo: undefined }, 'CREDENTIAL_REFUSED'],
  ]);
  const nothing = { project: 'repo', ref: 'git_ref' };
  await hold(t, issuer, { name: 'ci', provider: 'mapping', claims: nothing }, usual, [
    ['until mapped', {}, 'read-only'],
  ]);
  const inherited = { ...claims, project: 'constructor' };
  const { tokens } = issuer.trust({ name: 'ci', provider: 'mapping', claims: inherited });
  t.equal(await codeOf(tokens.allowance(await issuer.sign(usual))), 'CREDENTIAL_REFUSED');
});
