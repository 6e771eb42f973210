/**
 * What a credential allows, and the grant of one request inside it (trust.md). The request's headers name refs; where they name one
 * that the credential may not write, the request writes nothing, and reads what it might have read anyway: every trusted ref of
 * the project.
 */
import { formatScope, type ScopeTier } from '#protocol/format/scope.ts';
import type { NamedRefs } from '#protocol/wire/ref-headers.ts';
import type { Grant, Tier } from './grant.ts';
import { matchesRef } from './ref-pattern.ts';

export interface Allowance {
  domain: string;
  project: string;
  tier: Tier;
  /** Patterns of refs that may be written: one scope each, of its tier. */
  writes: readonly string[];
  /** What a request calls its own ref, where the one that is written is called otherwise. */
  calledAs?: string;
  /** Name of the issuer whose token it was; of nothing else. */
  issuer?: string;
}

/** Default branches where nobody says which it is. A wrong one costs a miss. */
const USUAL_DEFAULTS = ['refs/heads/main', 'refs/heads/master'];

export function grantWithin({ domain, project, tier, writes, calledAs }: Allowance, named: NamedRefs): Grant {
  const [first, ...others] = writes;
  // A credential for one ref need not name it.
  const only = others.length === 0 && first?.includes('*') === false ? first : undefined;
  const own = named.own === undefined || named.own === calledAs ? only : named.own;
  const scopeOf = (ref: string, of: ScopeTier = 'trusted') => formatScope({ project, tier: of, ref });
  const isWriter =
    tier !== 'read-only' && own !== undefined && writes.some((pattern) => matchesRef(pattern, own));
  const scope = isWriter ? scopeOf(own, tier) : undefined;
  const behind = [named.base, ...(named.default === undefined ? USUAL_DEFAULTS : [named.default])];
  const reads = [
    scope ?? (own === undefined ? undefined : scopeOf(own)),
    ...behind.map((ref) => ref && scopeOf(ref)),
  ];
  return {
    domain,
    project,
    tier,
    ...(own === undefined ? {} : { ref: own }),
    writes: [...writes],
    ...(scope === undefined ? {} : { scope }),
    reads: [...new Set(reads.filter((read) => read !== undefined))],
  };
}
