/** Scripts over a domain's segments: a row and the sum of stored bytes change together. Values as segment-value.ts has them. */
import type { Script } from '../../redis/script.ts';

const SEGMENT_KEYS_LUA = `local SEGMENTS, STORED = KEYS[1], KEYS[2]
local function lengthOf(value) return value and struct.unpack('>I4', value) or 0 end
local function grow(bytes)
  if bytes ~= 0 then redis.call('INCRBY', STORED, string.format('%.0f', bytes)) end
end
`;

/**
 * Adds rows, or overwrites those of their identities.
 *
 *     KEYS  segments, stored
 *     ARGV  identity, value, identity, value, …
 */
export const PUT_SEGMENTS: Script = {
  name: 'cachalotPutSegments',
  keys: 2,
  readOnly: false,
  lua: `${SEGMENT_KEYS_LUA}
local grown = 0
for at = 1, #ARGV, 2 do
  local old = redis.call('HGET', SEGMENTS, ARGV[at])
  if old ~= ARGV[at + 1] then
    redis.call('HSET', SEGMENTS, ARGV[at], ARGV[at + 1])
    grown = grown + lengthOf(ARGV[at + 1]) - lengthOf(old)
  end
end
grow(grown)
`,
};

/**
 * Removes a row, if it is there.
 *
 *     KEYS  segments, stored
 *     ARGV  identity
 */
export const REMOVE_SEGMENT: Script = {
  name: 'cachalotRemoveSegment',
  keys: 2,
  readOnly: false,
  lua: `${SEGMENT_KEYS_LUA}
local old = redis.call('HGET', SEGMENTS, ARGV[1])
if not old then return end
redis.call('HDEL', SEGMENTS, ARGV[1])
grow(-lengthOf(old))
`,
};
