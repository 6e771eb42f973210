/** The newest entry of the same kind and name, whatever its fingerprint: what a miss is compared with. */
import { isFault } from '#protocol/wire/errors.ts';
import type { CacheClient } from '../client/client.ts';
import type { Fingerprint } from '../fingerprint/fingerprint.ts';
import type { Plan } from '../fingerprint/plan.ts';
import { type Difference, differencesOf } from './differences.ts';
import { type Found, lookUp } from './look-up.ts';

/** `<kind>/<name>/` */
export function namePrefix({ key }: Pick<Fingerprint, 'key'>): string {
  return `${key.split('/').slice(0, 2).join('/')}/`;
}

/** Exact if there is an entry with any set of roots; near: the newest of that name. Throws what the client throws. */
export async function nearest(client: CacheClient, plan: Plan, signal: AbortSignal): Promise<Found> {
  const { kind, key } = plan.fingerprint;
  const want = {
    kind,
    key,
    generations: plan.watch !== undefined,
    near: [namePrefix(plan.fingerprint)],
    roots: [],
  };
  const [found] = await lookUp(client, [want], { inline: 0, signal });
  return found ?? { hit: 'none' };
}

/** What differs from that entry. A detail that is not to be had leaves the lines out. */
export async function differencesFrom(
  client: CacheClient,
  plan: Plan,
  found: Found,
  signal: AbortSignal,
): Promise<Difference[]> {
  const { entry } = found;
  return differencesOf(entry?.manifest.inputs ?? [], plan.fingerprint.inputs, async (digest) => {
    if (entry === undefined) return undefined;
    try {
      return (await client.getDetail(entry.id, digest, signal)).toString('utf8');
    } catch (error) {
      if (isFault(error) && !error.code.startsWith('CLIENT_')) return undefined;
      throw error;
    }
  });
}
