-- A recorded occurrence was seen again by another hook: keep what that one knows beside the record. Or its group
-- turned out to lack what this process knows of it.
--
-- KEYS  ring, records, group
-- ARGV  1 event_id  2 additions (JSON, '' = none)  3 traceback ('' = not sent)  4 group facts (JSON, '' = not sent)
--       5 prefix of all keys  6 fingerprint  7 now_ms
-- Gives 1 when the record is still in the ring, else 0.
if (ARGV[3] ~= '' or ARGV[4] ~= '') and redis.call('EXISTS', KEYS[3]) == 1 then
  if ARGV[3] ~= '' and redis.call('HSETNX', KEYS[3], 'traced', '1') == 1 then
    redis.call('HSET', KEYS[3], 'traceback', ARGV[3])
  end
  if ARGV[4] ~= '' and redis.call('HSETNX', KEYS[3], 'described', '1') == 1 then
    local facts = cjson.decode(ARGV[4])
    for field, value in pairs(facts) do redis.call('HSET', KEYS[3], field, value) end
    local site = ARGV[5] .. 'site:' .. facts.site
    redis.call('ZADD', site, ARGV[7], ARGV[6])
    redis.call('ZREMRANGEBYRANK', site, 0, -51)
    for alias in string.gmatch(facts.aliases or '', '%S+') do
      redis.call('HSETNX', ARGV[5] .. 'aliases', alias, ARGV[6])
    end
    redis.call('EXPIRE', site, redis.call('TTL', KEYS[3]))
  end
end
-- Whoever adds to an occurrence mostly does so at once; what a large ring holds of long ago is not looked through.
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
-- Three additions are more than one failure passes hooks; beyond it a retry loop is at work.
if select(2, string.gsub(known, '\n', '\n')) >= 3 then return 1 end
redis.call('HSET', KEYS[2], place .. '+', (known ~= '' and known .. '\n' or '') .. ARGV[2])
return 1
