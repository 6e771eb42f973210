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

/** Throws `REQUEST_REFUSED` where the grant writes nothing. `what` completes "This credential may not …". */
export function requireWriter(grant: Grant, what: string): void {
  if (grant.tier === 'read-only') throw fault('REQUEST_REFUSED', { what });
}
