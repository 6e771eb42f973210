/** Whether this build is of the default branch, as far as the CI system says; `--save default-branch` asks. */
import { readFile } from 'node:fs/promises';
import type { Environment } from '../client/state-folder.ts';

/** Names that a default branch has where nobody says which it is. */
const USUAL = ['main', 'master'];

/** False where it is not known: a build that should not save must not. */
export async function isDefaultBranch(env: Environment): Promise<boolean> {
  if (env.GITHUB_ACTIONS === 'true') {
    if (env.GITHUB_REF_TYPE !== 'branch' || env.GITHUB_EVENT_NAME?.startsWith('pull_request')) return false;
    return isNamed(env.GITHUB_REF_NAME, await gitHubDefault(env.GITHUB_EVENT_PATH));
  }
  if (env.GITLAB_CI === 'true') return isNamed(env.CI_COMMIT_BRANCH, env.CI_DEFAULT_BRANCH);
  if (env.BRANCH_IS_PRIMARY !== undefined) return env.BRANCH_IS_PRIMARY === 'true';
  return isNamed(env.BRANCH_NAME, undefined);
}

function isNamed(branch: string | undefined, usual: string | undefined): boolean {
  if (branch === undefined || branch === '') return false;
  return usual === undefined || usual === '' ? USUAL.includes(branch) : branch === usual;
}

async function gitHubDefault(eventFile: string | undefined): Promise<string | undefined> {
  try {
    const event: unknown = JSON.parse(await readFile(eventFile ?? '', 'utf8'));
    const repository =
      typeof event === 'object' && event !== null && 'repository' in event ? event.repository : undefined;
    if (typeof repository !== 'object' || repository === null || !('default_branch' in repository))
      return undefined;
    return typeof repository.default_branch === 'string' ? repository.default_branch : undefined;
  } catch {
    return undefined;
  }
}
