/**
 * Scripts over the event log. All events are one stream, whose ids count them from 1; a page is a run of them.
 *
 *     {<prefix>:events}:log     stream: <n>-0 -> event, as JSON
 *     {<prefix>:events}:pages   hash: birth -> which log this is; <page> -> bytes of its events
 */
import type { Script } from '../../redis/script.ts';

/** Names of the keys of every script here, in their order. */
export function logKeys(prefix: string): [log: string, pages: string] {
  return [`{${prefix}:events}:log`, `{${prefix}:events}:pages`];
}

/**
 * Appends events; the oldest pages go where all of them have too much, the last one stays. A log without events is a new one, which gets
 * the birth that is given: whoever had read another begins anew.
 *
 *     KEYS  log, pages
 *     ARGV  birth, events a page, bytes of all pages, event...
 */
export const APPEND_EVENTS: Script = {
  name: 'cachalotAppendEvents',
  keys: 2,
  readOnly: false,
  lua: `
local LOG, PAGES = KEYS[1], KEYS[2]
local pageEvents, mostBytes = tonumber(ARGV[2]), tonumber(ARGV[3])
local last = redis.call('XREVRANGE', LOG, '+', '-', 'COUNT', 1)[1]
local n = last and tonumber(string.match(last[1], '^%d+')) or 0
if not last then
  redis.call('DEL', LOG, PAGES)
  redis.call('HSET', PAGES, 'birth', ARGV[1])
end
local page
for at = 4, #ARGV do
  page = math.floor(n / pageEvents)
  n = n + 1
  redis.call('XADD', LOG, string.format('%.0f-0', n), 'event', ARGV[at])
  redis.call('HINCRBY', PAGES, string.format('%.0f', page), #ARGV[at])
end
local held = redis.call('HGETALL', PAGES)
local bytes, oldest, total = {}, page, 0
for at = 1, #held, 2 do
  local one = tonumber(held[at])
  if one then
    bytes[one] = tonumber(held[at + 1])
    total = total + bytes[one]
    if one < oldest then oldest = one end
  end
end
if total <= mostBytes or oldest == page then return end
while total > mostBytes and oldest < page do
  total = total - (bytes[oldest] or 0)
  redis.call('HDEL', PAGES, string.format('%.0f', oldest))
  oldest = oldest + 1
end
redis.call('XTRIM', LOG, 'MINID', string.format('%.0f-0', oldest * pageEvents + 1))
`,
};

/**
 * The next events of the log.
 *
 *     KEYS  log, pages
 *     ARGV  birth and n of what was read last, most events
 *     reply {birth, {{id, {'event', event}}...}}, or nothing where there is no log
 */
export const READ_EVENTS: Script = {
  name: 'cachalotReadEvents',
  keys: 2,
  readOnly: true,
  lua: `
local birth = redis.call('HGET', KEYS[2], 'birth')
if not birth then return end
local after = birth == ARGV[1] and ARGV[2] or '0'
return { birth, redis.call('XRANGE', KEYS[1], '(' .. after .. '-0', '+', 'COUNT', ARGV[3]) }
`,
};
