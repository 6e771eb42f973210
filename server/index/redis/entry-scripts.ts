/**
 * Scripts over a domain's entries. A row is JSON (row-value.ts); of it the scripts read `key`, `created` and `shelves`.
 */

import type { Script } from '../../redis/script.ts';
import { ORDER_CHANGES_LUA, ORDER_LUA } from './order.ts';

const ROW_KEYS_LUA = 'local ROWS, ORDER, NEWEST = KEYS[1], KEYS[2], KEYS[3]\n';

/**
 * Adds a row, or overwrites the one of its id.
 *
 *     KEYS  rows, order, newest
 *     ARGV  id, row
 */
export const PUT_ENTRY: Script = {
  name: 'cachalotPutEntry',
  keys: 3,
  readOnly: false,
  lua: `${ROW_KEYS_LUA}${ORDER_LUA}${ORDER_CHANGES_LUA}
local id, row = ARGV[1], ARGV[2]
local old = redis.call('HGET', ROWS, id)
if old == row then return end
if old then
  for _, member in ipairs(placesOf(id, cjson.decode(old))) do remove(member) end
end
redis.call('HSET', ROWS, id, row)
for _, member in ipairs(placesOf(id, cjson.decode(row))) do insert(member) end
`,
};

/**
 * Removes a row, if it is there.
 *
 *     KEYS  rows, order, newest
 *     ARGV  id
 */
export const REMOVE_ENTRY: Script = {
  name: 'cachalotRemoveEntry',
  keys: 3,
  readOnly: false,
  lua: `${ROW_KEYS_LUA}${ORDER_LUA}${ORDER_CHANGES_LUA}
local id = ARGV[1]
local old = redis.call('HGET', ROWS, id)
if not old then return end
redis.call('HDEL', ROWS, id)
for _, member in ipairs(placesOf(id, cjson.decode(old))) do remove(member) end
`,
};

/**
 * The newest entry of the first place where there is one.
 *
 *     KEYS  rows, order, newest
 *     ARGV  places: each a shelf and what follows it, a prefix or a whole key with its \\0
 *     reply {id, row}, or nothing
 */
export const FIND_ENTRY: Script = {
  name: 'cachalotFindEntry',
  keys: 3,
  readOnly: true,
  lua: `${ROW_KEYS_LUA}${ORDER_LUA}
for _, place in ipairs(ARGV) do
  local stamp = newestFrom(place)
  if stamp ~= NONE then
    local id = string.sub(stamp, WHEN + 1)
    return { id, redis.call('HGET', ROWS, id) }
  end
end
`,
};
