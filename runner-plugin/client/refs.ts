/**
 * The refs of this build, as its CI system names them: its own, the one that it will be merged into, the default branch. They tell
 * the server where to look and where to write inside what the credential allows, and nothing more.
 *
 * Builds of GitHub that run with the rights of the default branch on what others have sent name no ref of their own: they read, and
 * save nothing that the default branch would take for its own.
 */
import { readFile } from 'node:fs/promises';
import { isRef } from '#protocol/format/ref.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { NamedRefs } from '#protocol/wire/ref-headers.ts';
import type { Environment } from './state-folder.ts';

type MaybeRefs = { [Which in keyof NamedRefs]: string | undefined };

/** Events of GitHub whose builds are of the ref that they name. */
const OWN_REF_EVENTS = new Set([
  'push',
  'schedule',
  'workflow_dispatch',
  'repository_dispatch',
  'release',
  'merge_group',
  'deployment',
  'pull_request',
]);

/**
 * CACHALOT_REF, CACHALOT_BASE and CACHALOT_DEFAULT, else what the CI system says; of that what is no ref is left out. Throws
 * SETTING_INVALID for a variable of ours that names none.
 */
export async function readRefs(env: Environment): Promise<NamedRefs> {
  const said = await ofSystem(env);
  const refs: MaybeRefs = {
    own: ourOwn(env, 'CACHALOT_REF') ?? usable(said.own),
    base: ourOwn(env, 'CACHALOT_BASE') ?? usable(said.base),
    default: ourOwn(env, 'CACHALOT_DEFAULT') ?? usable(said.default),
  };
  return Object.fromEntries(Object.entries(refs).filter(([, ref]) => ref !== undefined));
}

/** A name without `refs/` is a branch's. */
function ourOwn(env: Environment, setting: string): string | undefined {
  const value = env[setting];
  if (value === undefined || value === '') return undefined;
  const ref = value.startsWith('refs/') ? value : branch(value);
  if (ref !== undefined && isRef(ref)) return ref;
  throw fault('SETTING_INVALID', { setting, value, why: 'a ref as refs/heads/main, or a branch, is needed' });
}

function usable(ref: string | undefined): string | undefined {
  return ref !== undefined && isRef(ref) ? ref : undefined;
}

async function ofSystem(env: Environment): Promise<MaybeRefs> {
  if (env.GITHUB_ACTIONS === 'true') return await ofGitHub(env);
  if (env.GITLAB_CI === 'true') return ofGitLab(env);
  return ofJenkins(env);
}

async function ofGitHub(env: Environment): Promise<MaybeRefs> {
  return {
    own: OWN_REF_EVENTS.has(env.GITHUB_EVENT_NAME ?? '') ? env.GITHUB_REF : undefined,
    base: branch(env.GITHUB_BASE_REF),
    default: branch(await gitHubDefault(env.GITHUB_EVENT_PATH)),
  };
}

function ofGitLab(env: Environment): MaybeRefs {
  const request = env.CI_EXTERNAL_PULL_REQUEST_IID;
  return {
    own: request
      ? `refs/pull/${request}/head`
      : env.CI_MERGE_REQUEST_REF_PATH || tag(env.CI_COMMIT_TAG) || branch(env.CI_COMMIT_BRANCH),
    base: branch(env.CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME || env.CI_MERGE_REQUEST_TARGET_BRANCH_NAME),
    default: branch(env.CI_DEFAULT_BRANCH),
  };
}

/** Multibranch jobs say all of it; others know the branch that they have checked out. */
function ofJenkins(env: Environment): MaybeRefs {
  const own = env.CHANGE_ID
    ? `refs/pull/${env.CHANGE_ID}/merge`
    : tag(env.TAG_NAME) || branch(env.BRANCH_NAME || env.GIT_BRANCH?.replace(/^origin\//, ''));
  return {
    own,
    base: branch(env.CHANGE_TARGET),
    default: env.BRANCH_IS_PRIMARY === 'true' ? own : undefined,
  };
}

function branch(name: string | undefined): string | undefined {
  return name ? `refs/heads/${name}` : undefined;
}

function tag(name: string | undefined): string | undefined {
  return name ? `refs/tags/${name}` : undefined;
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
