/**
 * The grant: what a credential allows (trust.md). Everything that a request may see or write follows from it alone; a
 * request can narrow it, never widen it.
 */
import { fault } from '#protocol/wire/errors.ts';

export type Tier = 'trusted' | 'untrusted' | 'read-only';

export interface Grant {
  /** What may share bytes: one owner. */
  domain: string;
  project: string;
  tier: Tier;
  /** The request's own ref, in full, and patterns of those that the credential may write. */
  ref?: string;
  writes?: string[];
  /** The one scope that may be written; absent where none may. */
  scope?: string;
  /** Scopes that may be read, the most preferred first. */
  reads: string[];
}

/** Without credentials, on the loopback only: one user, who may everything. Refs are ignored. */
export const localGrant: Grant = {
  domain: 'local',
  project: 'local',
  tier: 'trusted',
  scope: 'local',
  reads: ['local'],
};

/**
 * Whether it may ask for its domain's bytes by their identity alone. Others may run anybody's code: they read bytes through
 * entries that they may look up, and are told that something is there only for those.
 */
export function seesDomain({ tier }: Grant): boolean {
  return tier === 'trusted';
}

/**
 * The scope that the grant writes. Throws `REQUEST_REFUSED` where it writes nothing, `REF_REFUSED` where it would under another
 * ref. `what` completes "This credential may not …".
 */
export function requireWriter({ tier, scope, ref, writes = [] }: Grant, what: string): string {
  if (tier === 'read-only') throw fault('REQUEST_REFUSED', { what });
  if (scope !== undefined) return scope;
  const named = ref === undefined ? 'names no ref' : `is for ${ref}`;
  throw fault('REF_REFUSED', { what, why: `it writes ${writes.join(', ')}, and the request ${named}` });
}
