/**
 * From the claims of a token to what it allows: the table of trust.md, which is this code. A claim that is absent counts as the less
 * trusted value, and `ref` alone is never enough: a fork may call its branch `main`, and a tag and a branch may share a name. Claims
 * about environments and workflows widen nothing.
 */
import { isRef } from '#protocol/format/ref.ts';
import { isProject } from '#protocol/format/scope.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { Allowance } from '../allowance.ts';
import type { ClaimMapping, ClaimValues, Issuer } from './issuers.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** GitHub's events whose builds run what is in the repository, on the ref that they name. */
const TRUSTED_EVENTS = [
  'push',
  'schedule',
  'workflow_dispatch',
  'repository_dispatch',
  'release',
  'merge_group',
  'deployment',
];
/** GitLab's pipelines of what others propose. */
const PROPOSED = ['merge_request_event', 'external_pull_request_event'];

/** Throws `CREDENTIAL_REFUSED` for claims that name no project. */
export function allowanceOf(issuer: Issuer, claims: Claims): Allowance {
  if (issuer.provider === 'github') return ofGitHub(issuer.name, claims);
  if (issuer.provider === 'gitlab') return ofGitLab(issuer.name, claims);
  return ofMapping(issuer, claims);
}

function ofGitHub(name: string, claims: Claims): Allowance {
  const owner = numberOf(claims, 'repository_owner_id');
  const project = numberOf(claims, 'repository_id');
  if (owner === undefined || project === undefined) throw unnamed('repository_id and repository_owner_id');
  const whose = { domain: `${name}:${owner}`, project };
  const ref = textOf(claims, 'ref') ?? '';
  const event = textOf(claims, 'event_name') ?? '';
  // What others have sent, with the default branch as its ref (pull_request_target, workflow_run, issue_comment), and
  // whatever else there may come to be, only reads.
  if (TRUSTED_EVENTS.includes(event) && /^refs\/(heads|tags)\//.test(ref))
    return writing(whose, 'trusted', ref);
  if (event === 'pull_request' && /^refs\/pull\/\d+\/merge$/.test(ref))
    return writing(whose, 'untrusted', ref);
  return reading(whose);
}

function ofGitLab(name: string, claims: Claims): Allowance {
  const source = numberOf(claims, 'project_id');
  // Where a merge request's pipeline runs in the project that it is for, the job's is that one.
  const project = numberOf(claims, 'job_project_id') ?? source;
  const namespace =
    claims.job_project_id === undefined
      ? numberOf(claims, 'namespace_id')
      : numberOf(claims, 'job_namespace_id');
  if (source === undefined || project === undefined || namespace === undefined)
    throw unnamed('project_id and namespace_id');
  const whose = { domain: `${name}:${namespace}`, project };
  const ref = gitLabRef(claims);
  if (ref === undefined) return reading(whose);
  const pipeline = textOf(claims, 'pipeline_source');
  const isProposed = pipeline === undefined || PROPOSED.includes(pipeline);
  if (isProposed || source !== project)
    return { ...writing(whose, 'untrusted', `mr/${source}/${ref}`), calledAs: ref };
  return writing(whose, claims.ref_protected === 'true' ? 'trusted' : 'untrusted', ref);
}

/** In full; older tokens have its name and type apart. */
function gitLabRef(claims: Claims): string | undefined {
  const [path, name, type] = [textOf(claims, 'ref_path'), textOf(claims, 'ref'), textOf(claims, 'ref_type')];
  const places = new Map([
    ['branch', 'refs/heads'],
    ['tag', 'refs/tags'],
  ]);
  const place = places.get(type ?? '');
  const ref = path ?? (place === undefined || name === undefined ? '' : `${place}/${name}`);
  return isRef(ref) ? ref : undefined;
}

function ofMapping({ name, claims: mapping }: Issuer, claims: Claims): Allowance {
  const { project: projectClaim, ref: refClaim, trusted, untrusted } = mapping as ClaimMapping;
  const project = textOf(claims, projectClaim);
  if (project === undefined || !isProject(project)) throw unnamed(projectClaim);
  const whose = { domain: `${name}:mapped`, project };
  const ref = textOf(claims, refClaim) ?? '';
  if (!isRef(ref)) return reading(whose);
  if (holds(claims, trusted)) return writing(whose, 'trusted', ref);
  return holds(claims, untrusted) ? writing(whose, 'untrusted', ref) : reading(whose);
}

function holds(claims: Claims, values: ClaimValues | undefined): boolean {
  if (values === undefined) return false;
  return Object.entries(values).every(([claim, value]) => {
    const is = textOf(claims, claim);
    return is !== undefined && (typeof value === 'string' ? is === value : value.includes(is));
  });
}

type Whose = Pick<Allowance, 'domain' | 'project'>;

function writing(whose: Whose, tier: 'trusted' | 'untrusted', ref: string): Allowance {
  return ref.startsWith('mr/') || isRef(ref) ? { ...whose, tier, writes: [ref] } : reading(whose);
}

function reading(whose: Whose): Allowance {
  return { ...whose, tier: 'read-only', writes: [] };
}

function textOf(claims: Claims, name: string): string | undefined {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** Ids are texts of digits; some versions send numbers. */
function numberOf(claims: Claims, name: string): string | undefined {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && /^[1-9]\d{0,18}$/.test(text) ? text : undefined;
}

function unnamed(claims: string): Error {
  return fault('CREDENTIAL_REFUSED', { why: `its claims name no project (${claims})` });
}
