/**
 * Where entries are by key, and which is the newest of any run of them: what "the newest that begins with" is answered from.
 *
 * A prefix is free text, and 10^5 entries may begin with it. Redis has no structure that answers "the newest between two
 * texts": its sorted sets know a range of texts or a range of numbers. Three ways were weighed. Looking through the newest
 * of all until one fits (as the SQLite index does for wide prefixes) is quick for prefixes in use and looks at everything for
 * an old one, while Redis does nothing else. A set by age for each prefix that ends at a boundary takes as many places as a
 * key has boundaries, and says nothing of other prefixes. So it is a tree, in the shape of a skip list:
 *
 *     level 2   a─────────────────────────────k──────────────       a block begins at each member shown,
 *     level 1   a────────d─────────g──────────k───────m──────       and ends where the next one begins
 *     level 0   a  b  c  d  e   f  g   h   i  k   l   m  n
 *
 * - Level 0 is every entry. A member begins a block of level n if the sha1 of its text begins with n zeros in hexadecimal, up
 *   to four: one in 16, 256, 4,096, 65,536. So the shape depends on what is there and not on how it came to be there,
 *   and nothing is ever balanced.
 * - Of each block the newest of its entries is remembered (`newest`).
 * - A run of members is its blocks of the highest level that it holds whole, and less than a block more at each end: some 16
 *   steps a level and end, 100 for 10^6 entries, whatever is asked. What comes or goes touches one block a level.
 *
 * All levels of all scopes are in one sorted set of texts:
 *
 *     <level><shelf><key>\0<when><id>
 *
 * `when` is `created` as 12 hexadecimal digits, so that of two texts of `when` and id (stamps) the greater one is newer. Lua
 * compares by the server's locale; ids are lower-case hexadecimal too, which every locale has in the order of bytes. A **shelf** is what a
 * search stays inside: the scope's entries with one set of roots, and, once more, all of the scope's (22 characters of a
 * digest, see row-value.ts). A look-up names its roots, and to pass over those of others would again be to look through them all.
 */

/** Above level 0. */
export const LEVELS = 4;

/** Searches. Needs ORDER and NEWEST, the keys. */
export const ORDER_LUA = String.raw`
local TOP = ${LEVELS}
local SHELF = 22
local WHEN = 12
local FEW = 24
-- Older than every stamp.
local NONE = ''
-- Greater than every text: no byte of UTF-8 is 255.
local END = '\255'

-- 'when' and id of a member.
local function stampOf(member)
  return string.sub(member, string.find(member, '\0', SHELF + 1, true) + 1)
end

local function membersBetween(level, from, to, ...)
  return redis.call('ZRANGEBYLEX', ORDER, '[' .. level .. from, '(' .. level .. to, ...)
end

local function newestOf(stamps, best)
  for _, stamp in ipairs(stamps) do
    if stamp > best then best = stamp end
  end
  return best
end

local function newestOfMembers(members)
  local best = NONE
  for _, member in ipairs(members) do
    local stamp = stampOf(member)
    if stamp > best then best = stamp end
  end
  return best
end

-- The newest between two members, the second excluded. isWhole: no block of a lower level reaches over the end.
local function newestAt(level, from, to, isWhole)
  local found = membersBetween(level, from, to)
  if level == 0 then return newestOfMembers(found) end
  if #found == 0 then return newestAt(level - 1, from, to, isWhole) end
  local first, last = string.sub(found[1], 2), string.sub(found[#found], 2)
  local best = NONE
  if first ~= from then best = newestAt(level - 1, from, first, true) end
  if not isWhole then
    table.remove(found)
    best = newestOf({ newestAt(level - 1, last, to, false) }, best)
  end
  if #found == 0 then return best end
  return newestOf(redis.call('HMGET', NEWEST, unpack(found)), best)
end

-- The newest of all that begin with a text, which begins with its shelf; NONE where nothing does.
local function newestFrom(text)
  local few = membersBetween(0, text, text .. END, 'LIMIT', 0, FEW)
  if #few < FEW then return newestOfMembers(few) end
  return newestAt(TOP, text, text .. END, false)
end
`;

/** What comes and goes; after {@link ORDER_LUA}. */
export const ORDER_CHANGES_LUA = String.raw`
-- The highest level of which the member begins a block.
local function levelOf(member)
  return math.min(#string.match(redis.sha1hex(member), '^0*'), TOP)
end

-- The block of a level that the member lies in or, if it begins one, the one before; nil where there is none on its shelf.
local function blockBefore(level, member)
  local shelf = string.sub(member, 1, SHELF)
  return redis.call('ZREVRANGEBYLEX', ORDER, '(' .. level .. member, '[' .. level .. shelf, 'LIMIT', 0, 1)[1]
end

-- Where the next block of a level begins, or the shelf ends.
local function nextBlock(level, member)
  local shelf = string.sub(member, 1, SHELF)
  local found = redis.call('ZRANGEBYLEX', ORDER, '(' .. level .. member, '(' .. level .. shelf .. END, 'LIMIT', 0, 1)[1]
  return found and string.sub(found, 2) or shelf .. END
end

local function remember(level, block, to)
  redis.call('HSET', NEWEST, level .. block, newestAt(level - 1, block, to, true))
end

local function insert(member)
  if redis.call('ZADD', ORDER, 0, '0' .. member) == 0 then return end
  local own, stamp = levelOf(member), stampOf(member)
  for level = 1, TOP do
    local before = blockBefore(level, member)
    if level <= own then
      redis.call('ZADD', ORDER, 0, level .. member)
      remember(level, member, nextBlock(level, member))
      if before then remember(level, string.sub(before, 2), member) end
    elseif before then
      -- What is not the newest of its block is not that of the larger one around it.
      if redis.call('HGET', NEWEST, before) > stamp then return end
      redis.call('HSET', NEWEST, before, stamp)
    end
  end
end

local function remove(member)
  if redis.call('ZREM', ORDER, '0' .. member) == 0 then return end
  local own = levelOf(member)
  for level = 1, TOP do
    local before = blockBefore(level, member)
    if level <= own then
      redis.call('ZREM', ORDER, level .. member)
      redis.call('HDEL', NEWEST, level .. member)
    end
    if before and (level <= own or redis.call('HGET', NEWEST, before) == stampOf(member)) then
      remember(level, string.sub(before, 2), nextBlock(level, member))
    end
  end
end

-- Where the row of an id lies in the order: on the scope's shelf and on that of its roots.
local function placesOf(id, row)
  local ending = row.key .. '\0' .. string.format('%012x', row.created) .. id
  return { row.shelves[1] .. ending, row.shelves[2] .. ending }
end
`;
