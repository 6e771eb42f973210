import { join } from 'node:path';
import { test } from 'tap';
import { isDefaultBranch } from '#runner-plugin/step/branch.ts';

test('GitHub: the branch that the event names as default', async (t) => {
  const folder = t.testdir({ 'event.json': JSON.stringify({ repository: { default_branch: 'trunk' } }) });
  const env = {
    GITHUB_ACTIONS: 'true',
    GITHUB_EVENT_NAME: 'push',
    GITHUB_EVENT_PATH: join(folder, 'event.json'),
  };
  t.equal(await isDefaultBranch({ ...env, GITHUB_REF: 'refs/heads/trunk' }), true);
  t.equal(await isDefaultBranch({ ...env, GITHUB_REF: 'refs/heads/main' }), false);
  t.equal(await isDefaultBranch({ ...env, GITHUB_REF: 'refs/tags/trunk' }), false);
  for (const event of ['pull_request', 'pull_request_target', 'workflow_run']) {
    const run = { GITHUB_REF: 'refs/heads/trunk', GITHUB_EVENT_NAME: event, GITHUB_BASE_REF: 'trunk' };
    const own = event === 'pull_request' ? { GITHUB_REF: 'refs/pull/7/merge' } : {};
    t.equal(await isDefaultBranch({ ...env, ...run, ...own }), false, event);
  }
  t.equal(
    await isDefaultBranch({ ...env, GITHUB_REF: 'refs/heads/main', GITHUB_EVENT_PATH: '/none' }),
    true,
    'else the usual names',
  );
});

test('GitLab and Jenkins say it themselves', async (t) => {
  t.equal(
    await isDefaultBranch({ GITLAB_CI: 'true', CI_COMMIT_BRANCH: 'dev', CI_DEFAULT_BRANCH: 'dev' }),
    true,
  );
  t.equal(
    await isDefaultBranch({ GITLAB_CI: 'true', CI_COMMIT_BRANCH: 'x', CI_DEFAULT_BRANCH: 'dev' }),
    false,
  );
  t.equal(
    await isDefaultBranch({ GITLAB_CI: 'true', CI_DEFAULT_BRANCH: 'dev' }),
    false,
    'a tag or a merge request',
  );
  t.equal(await isDefaultBranch({ BRANCH_NAME: 'x', BRANCH_IS_PRIMARY: 'true' }), true);
  t.equal(await isDefaultBranch({ BRANCH_NAME: 'master' }), true);
  t.equal(await isDefaultBranch({ BRANCH_NAME: 'feature' }), false);
});

test('where nobody says anything it is not', async (t) => {
  t.equal(await isDefaultBranch({}), false);
  t.equal(await isDefaultBranch({ CACHALOT_REF: 'no ref' }), false);
});
