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
  /** The one scope that may be written. */
  scope: string;
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

/** Throws `REQUEST_REFUSED` where the grant writes nothing. `what` completes "This credential may not …". */
export function requireWriter(grant: Grant, what: string): void {
  if (grant.tier === 'read-only') throw fault('REQUEST_REFUSED', { what });
}
