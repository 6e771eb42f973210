/** The issuers whose tokens count: the setting `auth.issuers`, a list in the configuration file. */
import type { Refusal } from '../../config/setting.ts';

const PROVIDERS = ['github', 'gitlab', 'mapping'] as const;
/** Beginnings of domains that are no issuer's. */
const TAKEN = ['local', 'static'];
const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;
/** Names of the loopback: there alone an issuer may speak plain HTTP. */
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Claims that must have these values, all of them; a list is any of its values. */
export type ClaimValues = Record<string, string | readonly string[]>;

/** How the claims of an issuer that is none of the known ones are read. */
export interface ClaimMapping {
  /** Names of the claims that hold the project and the ref. */
  project: string;
  ref: string;
  /** What makes a build trusted, and what makes it untrusted; without either it only reads. */
  trusted?: ClaimValues;
  untrusted?: ClaimValues;
}

export interface Issuer {
  /** What its domains begin with: two issuers may number their owners alike. */
  name: string;
  /** As tokens have it in `iss`; discovery begins there. */
  issuer: string;
  audience: string;
  provider: (typeof PROVIDERS)[number];
  /** Of the provider `mapping`. */
  claims?: ClaimMapping;
}

/** Reads the setting's value. */
export function readIssuers(value: unknown): Issuer[] | Refusal {
  if (!Array.isArray(value)) return { why: 'it is no list of issuers' };
  const issuers: Issuer[] = [];
  for (const [at, one] of value.entries()) {
    const why = refusal(one);
    if (why !== undefined) return { why: `number ${at + 1} ${why}` };
    issuers.push(one as Issuer);
  }
  const names = new Set(issuers.map(({ name }) => name));
  const urls = new Set(issuers.map(({ issuer }) => issuer));
  if (names.size < issuers.length || urls.size < issuers.length)
    return { why: 'two issuers have one name or one issuer' };
  return issuers;
}

const FIELDS = ['name', 'issuer', 'audience', 'provider', 'claims'];

function refusal(one: unknown): string | undefined {
  if (!isObject(one)) return 'is no object';
  const { name, issuer, audience, provider, claims } = one;
  const strange = Object.keys(one).find((field) => !FIELDS.includes(field));
  if (strange !== undefined) return `has a field ${strange}, and there are ${FIELDS.join(', ')}`;
  if (typeof name !== 'string' || !NAME.test(name) || TAKEN.includes(name))
    return `needs a name of lower case letters, digits and -, other than ${TAKEN.join(' and ')}`;
  if (typeof issuer !== 'string' || !isIssuer(issuer))
    return 'needs an issuer, an https address without a query';
  if (typeof audience !== 'string' || audience === '') return 'needs an audience';
  if (!PROVIDERS.some((known) => known === provider)) return `needs a provider: ${PROVIDERS.join(', ')}`;
  if ((provider === 'mapping') !== (claims !== undefined))
    return 'has claims if its provider is mapping, and only then';
  return claims === undefined || isMapping(claims)
    ? undefined
    : 'needs the names of the claims project and ref, and values of claims for trusted and untrusted';
}

function isIssuer(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '')
    return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname));
}

function isMapping(value: unknown): value is ClaimMapping {
  if (!isObject(value)) return false;
  const { project, ref, trusted, untrusted, ...more } = value;
  return (
    typeof project === 'string' &&
    typeof ref === 'string' &&
    [trusted, untrusted].every((values) => values === undefined || isValues(values)) &&
    Object.keys(more).length === 0
  );
}

/** None at all would make everybody trusted. */
function isValues(values: unknown): values is ClaimValues {
  const isOne = (value: unknown) =>
    typeof value === 'string' ||
    (Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string'));
  return isObject(values) && Object.keys(values).length > 0 && Object.values(values).every(isOne);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
