import { join } from 'node:path';
import { test } from 'tap';
import { readRefs } from '#runner-plugin/client/refs.ts';
import type { Environment } from '#runner-plugin/client/state-folder.ts';

test('GitHub: a push, a tag, a pull request', async (t) => {
  const folder = t.testdir({ 'event.json': JSON.stringify({ repository: { default_branch: 'trunk' } }) });
  const env = { GITHUB_ACTIONS: 'true', GITHUB_EVENT_PATH: join(folder, 'event.json') };
  const asked = (more: Environment) => readRefs({ ...env, ...more });
  t.same(await asked({ GITHUB_EVENT_NAME: 'push', GITHUB_REF: 'refs/heads/x', GITHUB_BASE_REF: '' }), {
    own: 'refs/heads/x',
    default: 'refs/heads/trunk',
  });
  t.same(await asked({ GITHUB_EVENT_NAME: 'release', GITHUB_REF: 'refs/tags/v1' }), {
    own: 'refs/tags/v1',
    default: 'refs/heads/trunk',
  });
  const pull = { GITHUB_REF: 'refs/pull/7/merge', GITHUB_BASE_REF: 'dev', GITHUB_HEAD_REF: 'main' };
  t.same(await asked({ ...pull, GITHUB_EVENT_NAME: 'pull_request' }), {
    own: 'refs/pull/7/merge',
    base: 'refs/heads/dev',
    default: 'refs/heads/trunk',
  });
});

test('GitHub: what runs others’ code as the default branch names no ref of its own', async (t) => {
  const env = { GITHUB_ACTIONS: 'true', GITHUB_REF: 'refs/heads/main' };
  for (const event of ['pull_request_target', 'workflow_run', 'issue_comment', 'anything', '', undefined])
    t.same(await readRefs({ ...env, GITHUB_EVENT_NAME: event }), {}, `${event}`);
});

test('GitLab: a branch, a tag, a merge request, a pull request from elsewhere', async (t) => {
  const env = { GITLAB_CI: 'true', CI_DEFAULT_BRANCH: 'main' };
  t.same(await readRefs({ ...env, CI_COMMIT_BRANCH: 'x' }), {
    own: 'refs/heads/x',
    default: 'refs/heads/main',
  });
  t.same(await readRefs({ ...env, CI_COMMIT_TAG: 'v1' }), {
    own: 'refs/tags/v1',
    default: 'refs/heads/main',
  });
  const request = {
    CI_MERGE_REQUEST_REF_PATH: 'refs/merge-requests/7/head',
    CI_MERGE_REQUEST_TARGET_BRANCH_NAME: 'dev',
  };
  t.same(await readRefs({ ...env, ...request }), {
    own: 'refs/merge-requests/7/head',
    base: 'refs/heads/dev',
    default: 'refs/heads/main',
  });
  const external = {
    CI_COMMIT_BRANCH: 'main',
    CI_EXTERNAL_PULL_REQUEST_IID: '7',
    CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME: 'main',
  };
  t.same(
    await readRefs({ ...env, ...external }),
    {
      own: 'refs/pull/7/head',
      base: 'refs/heads/main',
      default: 'refs/heads/main',
    },
    'whose branch may be called main, too',
  );
});

test('Jenkins: multibranch jobs, and jobs that checked a branch out', async (t) => {
  t.same(await readRefs({ BRANCH_NAME: 'main', BRANCH_IS_PRIMARY: 'true' }), {
    own: 'refs/heads/main',
    default: 'refs/heads/main',
  });
  t.same(
    await readRefs({ BRANCH_NAME: 'PR-7', CHANGE_ID: '7', CHANGE_TARGET: 'dev', CHANGE_BRANCH: 'main' }),
    {
      own: 'refs/pull/7/merge',
      base: 'refs/heads/dev',
    },
  );
  t.same(await readRefs({ BRANCH_NAME: 'v1', TAG_NAME: 'v1' }), { own: 'refs/tags/v1' });
  t.same(await readRefs({ GIT_BRANCH: 'origin/feature/x' }), { own: 'refs/heads/feature/x' });
});

test('our own variables come first; a name alone is a branch', async (t) => {
  const env = { GITLAB_CI: 'true', CI_COMMIT_BRANCH: 'x', CI_DEFAULT_BRANCH: 'main' };
  t.same(
    await readRefs({ ...env, CACHALOT_REF: 'refs/tags/v1', CACHALOT_BASE: 'dev', CACHALOT_DEFAULT: 'trunk' }),
    {
      own: 'refs/tags/v1',
      base: 'refs/heads/dev',
      default: 'refs/heads/trunk',
    },
  );
  for (const setting of ['CACHALOT_REF', 'CACHALOT_BASE', 'CACHALOT_DEFAULT']) {
    for (const value of ['a b', 'refs/heads/', 'a..b', 'a\r\nx: 1'])
      await t.rejects(readRefs({ [setting]: value }), {
        code: 'SETTING_INVALID',
        message: new RegExp(setting),
      });
  }
});

test('what a CI system says and is no ref is left out', async (t) => {
  t.same(await readRefs({}), {});
  t.same(await readRefs({ BRANCH_NAME: 'a b\r\nx: 1', CHANGE_TARGET: '../x' }), {});
  t.same(await readRefs({ BRANCH_NAME: 'a'.repeat(300) }), {});
});
