/**
 * Scopes: who may see and write an entry. With credentials a scope is `<project>,<tier>,<ref>`; no part can hold the separator, so
 * one text is one project, tier and ref, and none is the beginning of a sibling's part. The scope without credentials, `local`, has
 * no parts.
 */

/** Entries that untrusted builds write lie apart: no trusted build ever reads them. */
export type ScopeTier = 'trusted' | 'untrusted';

export interface Scope {
  project: string;
  tier: ScopeTier;
  /** In full. */
  ref: string;
}

const SEPARATOR = ',';
/** What people give as a project, and what providers number theirs by. */
const PROJECT = /^[a-z0-9][a-z0-9._/-]{0,99}$/;

export function isProject(text: string): boolean {
  return PROJECT.test(text);
}

/** The text of a scope; `project` is one that {@link isProject} takes. */
export function formatScope({ project, tier, ref }: Scope): string {
  const encoded = ref.replace(/[%,]/g, (character) => (character === '%' ? '%25' : '%2C'));
  return [project, tier, encoded].join(SEPARATOR);
}

/** Undefined for what {@link formatScope} did not make. */
export function readScope(text: string): Scope | undefined {
  const [project = '', tier, encoded, ...more] = text.split(SEPARATOR);
  if ((tier !== 'trusted' && tier !== 'untrusted') || encoded === undefined || more.length > 0)
    return undefined;
  const ref = encoded.replace(/%2[5C]/g, (escaped) => (escaped === '%25' ? '%' : ','));
  return isProject(project) ? { project, tier, ref } : undefined;
}
