/**
 * The epoch record. Both of its keys hold `<servers> <epoch>`: which Redis servers wrote it, and what was written. On servers
 * that were started anew, or took a lost one's place, it does not count, because nobody can know whether the last rows
 * before that are there.
 */
import type { Script } from '../../redis/script.ts';

/**
 * Writes the epoch, if it is still the one that a reindex began with.
 *
 *     KEYS  epoch, rebuild
 *     ARGV  record
 *     reply 1 if it was written, else 0
 */
export const SET_EPOCH: Script = {
  name: 'cachalotSetEpoch',
  keys: 2,
  readOnly: false,
  lua: `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
return 1
`,
};
