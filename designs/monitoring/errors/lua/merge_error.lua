-- Add the context of another hook that saw a recorded occurrence too, or the facts and traceback that its group lacks.
--
-- KEYS  ring, records, group
-- ARGV  1 event_id  2 additions (JSON, '' = none)  3 traceback ('' = not sent)  4 group facts (JSON, '' = not sent)
--       5 prefix of all keys  6 fingerprint  7 now_ms
-- Returns 1 when the record is still in the ring, else 0.
local group, fingerprint, aliases, names = KEYS[3], ARGV[6], ARGV[5] .. 'aliases', ARGV[5] .. 'names'

-- Store the facts of the group. `record_error.lua` does the same for a group that it creates.
local function describe(facts)
  for field, value in pairs(facts) do redis.call('HSET', group, field, value) end
  local site = ARGV[5] .. 'site:' .. facts.site
  redis.call('ZADD', site, ARGV[7], fingerprint)
  redis.call('ZREMRANGEBYRANK', site, 0, -51)
  redis.call('EXPIRE', site, redis.call('TTL', group))
  for alias in string.gmatch(facts.aliases or '', '%S+') do
    local before = redis.call('HGET', aliases, alias)
    if not before or redis.call('EXISTS', ARGV[5] .. 'group:' .. before) == 0 then
      redis.call('HSET', aliases, alias, fingerprint)
      redis.call('HSET', names, fingerprint, (redis.call('HGET', names, fingerprint) or '') .. ' ' .. alias)
    end
  end
  -- An index lives at least as long as the group.
  for _, index in ipairs({aliases, names}) do
    if redis.call('TTL', index) < redis.call('TTL', group) then redis.call('EXPIRE', index, redis.call('TTL', group)) end
  end
end

if ARGV[3] ~= '' or ARGV[4] ~= '' then
  if redis.call('EXISTS', group) == 0 then
    -- The key may be an alias of another group.
    fingerprint = redis.call('HGET', aliases, fingerprint) or fingerprint
    group = ARGV[5] .. 'group:' .. fingerprint
  end
  if redis.call('EXISTS', group) == 1 then
    if ARGV[3] ~= '' and redis.call('HSETNX', group, 'traced', '1') == 1 then
      redis.call('HSET', group, 'traceback', ARGV[3])
    end
    if ARGV[4] ~= '' and redis.call('HSETNX', group, 'described', '1') == 1 then describe(cjson.decode(ARGV[4])) end
  end
end
-- Additions mostly follow at once, so older entries of a large ring are not searched.
local function place_of(id)
  local first, many = 0, 5
  repeat
    local places, names = redis.call('ZREVRANGE', KEYS[1], first, first + many - 1), {}
    for number, place in ipairs(places) do names[number] = place .. '#' end
    for number, about in ipairs(#names > 0 and redis.call('HMGET', KEYS[2], unpack(names)) or {}) do
      if about and string.match(about, '^%d+|([^|]+)|') == id then return places[number] end
    end
    first, many = first + many, 100
  until #places == 0 or first > 500
end
local place = ARGV[2] ~= '' and place_of(ARGV[1])
if not place then return 0 end
local known = redis.call('HGET', KEYS[2], place .. '+') or ''
-- One failure passes fewer than three further hooks. More additions come from a retry loop.
if select(2, string.gsub(known, '\n', '\n')) >= 3 then return 1 end
redis.call('HSET', KEYS[2], place .. '+', (known ~= '' and known .. '\n' or '') .. ARGV[2])
return 1
