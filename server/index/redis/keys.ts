/**
 * Names of the index's keys. All of a domain's lie in one place of a cluster (its hash tag), so that one script can change
 * them together; so do the two of the epoch.
 *
 *     {<prefix>:<domain>}:index:rows        hash, id -> row
 *     {<prefix>:<domain>}:index:order       sorted set: where entries are by key (order.ts)
 *     {<prefix>:<domain>}:index:newest      hash: the newest of each block of it
 *     {<prefix>:<domain>}:index:segments    hash, identity -> where its bytes are (segment-value.ts)
 *     {<prefix>:<domain>}:index:stored      bytes of those segments
 *     {<prefix>}:index:epoch, :rebuild      the epoch, and that of a reindex under way (epoch-scripts.ts)
 */
export interface DomainKeys {
  rows: string;
  order: string;
  newest: string;
  segments: string;
  stored: string;
}

export function domainKeys(prefix: string, domain: string): DomainKeys {
  const tag = `{${prefix}:${encodeURIComponent(domain)}}:index`;
  return {
    rows: `${tag}:rows`,
    order: `${tag}:order`,
    newest: `${tag}:newest`,
    segments: `${tag}:segments`,
    stored: `${tag}:stored`,
  };
}

export function epochKeys(prefix: string): [epoch: string, rebuild: string] {
  return [`{${prefix}}:index:epoch`, `{${prefix}}:index:rebuild`];
}

/** As SCAN matches them; a prefix has no characters that mean something there. */
export function everyDomainKey(prefix: string): string {
  return `{${prefix}:*}:index:*`;
}
