import { join } from 'node:path';
import { test } from 'tap';
import { isDefaultBranch } from '#runner-plugin/step/branch.ts';

test('GitHub: the branch that the event names as default', async (t) => {
  const folder = t.testdir({ 'event.json': JSON.stringify({ repository: { default_branch: 'trunk' } }) });
  const env = {
    GITHUB_ACTIONS: 'true',
    GITHUB_REF_TYPE: 'branch',
    GITHUB_EVENT_PATH: join(folder, 'event.json'),
  };
  t.equal(await isDefaultBranch({ ...env, GITHUB_REF_NAME: 'trunk' }), true);
  t.equal(await isDefaultBranch({ ...env, GITHUB_REF_NAME: 'main' }), false);
  t.equal(await isDefaultBranch({ ...env, GITHUB_REF_NAME: 'trunk', GITHUB_REF_TYPE: 'tag' }), false);
  t.equal(
    await isDefaultBranch({ ...env, GITHUB_REF_NAME: 'trunk', GITHUB_EVENT_NAME: 'pull_request_target' }),
    false,
  );
  t.equal(
    await isDefaultBranch({ ...env, GITHUB_REF_NAME: 'main', GITHUB_EVENT_PATH: '/none' }),
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
});
