/**
 * Rows of an index without entries behind them, as many as a large installation has: a look-up that is asked for others has
 * to find its way among them. They are older than everything that is saved, so none of them is ever the newest.
 */
import { genericKey } from '#protocol/format/key.ts';
import { rootsDigest } from '#protocol/format/object-name.ts';
import { openRedisIndex } from '#server/index/redis/redis-index.ts';
import { RedisLink } from '#server/redis/redis-link.ts';
import { readRedisSettings } from '#server/redis/settings.ts';
import { ROOT } from './direct-save.ts';

/** What a tenth of the rows begin with. */
export const WIDE_PREFIX = 'wide-';
const SHARE_WIDE = 10;
const AT_ONCE = 100;
const LONG_AGO = Date.UTC(2020, 0, 1);

/** Puts `count` rows into the index of a server that has this Redis and prefix; its own domain and scope are `local`. */
export async function fillIndex(url: string, prefix: string, count: number): Promise<void> {
  const settings = await readRedisSettings({ url, prefix }, async () => '');
  const index = openRedisIndex(await RedisLink.open(settings, { name: 'bench' }));
  const roots = [ROOT];
  const digest = rootsDigest(roots);
  let next = 0;
  const fill = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const id = scattered(n);
      const key = genericKey(`${n % SHARE_WIDE === 0 ? WIDE_PREFIX : 'deps-of-old-'}${id}`);
      await index.put({
        id,
        domain: 'local',
        scope: 'local',
        kind: 'generic',
        name: '_',
        key,
        rootsDigest: digest,
        roots,
        object: `entries/local/local/${key}.json`,
        created: LONG_AGO + n,
        raw: 1,
        stored: 1,
        segments: 1,
      });
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, fill));
  } finally {
    await index.close();
  }
}

/** 32 hexadecimal digits, as ids are, in no order; no two alike. */
function scattered(n: number): string {
  const low = (Math.imul(n, 2_654_435_761) >>> 0).toString(16).padStart(8, '0');
  return low.repeat(3) + n.toString(16).padStart(8, '0');
}
