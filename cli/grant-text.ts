/** A grant as people read it. */
import type { Whoami } from '#protocol/wire/routes.ts';

export function grantText({ domain, project, tier, ref, writes = [], scope, reads }: Whoami): string {
  const named = ref === undefined ? '' : `; this is ${ref}`;
  const may = writes.length === 0 ? '' : ` (it may write ${writes.join(', ')})`;
  return `${tier} in domain ${domain}, project ${project}${named}; writes ${scope ?? 'nothing'}${may}; reads ${reads.join(', ')}`;
}
