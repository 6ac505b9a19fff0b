-- Keeps what checks found: the present state, its changes, and the worst state of each minute.
-- KEYS: 1 state hash, 2 totals hash, then for each row: changes sorted set, minutes hash
-- ARGV: 1 seconds the changes are kept, 2 minutes the strip is long,
--       then for each row: component, status, message, milliseconds since the epoch
-- Processes report the same; only the first to tell of a change makes one.
local keep, length = tonumber(ARGV[1]), tonumber(ARGV[2])
local rank = {healthy = 1, degraded = 2, unhealthy = 3}
for row = 0, (#ARGV - 2) / 4 - 1 do
  local name, status, message, at = ARGV[row * 4 + 3], ARGV[row * 4 + 4], ARGV[row * 4 + 5], ARGV[row * 4 + 6]
  local changes, minutes = KEYS[row * 2 + 3], KEYS[row * 2 + 4]
  local known = redis.call('HMGET', KEYS[1], name .. ':status', name .. ':at')
  if not known[2] or tonumber(known[2]) <= tonumber(at) then
    if known[1] ~= status then
      redis.call('HSET', KEYS[1], name .. ':status', status, name .. ':since', at)
      -- Members of an older release end after the status. The message comes last: it may contain colons.
      redis.call('ZADD', changes, at, at .. ':' .. status .. ':' .. (known[1] or '') .. ':' .. message)
      redis.call('ZREMRANGEBYSCORE', changes, '-inf', tonumber(at) - keep * 1000)
      redis.call('EXPIRE', changes, keep)
      if known[1] then
        redis.call('HINCRBY', KEYS[2], name .. ':' .. status, 1)
      end
    end
    redis.call('HSET', KEYS[1], name .. ':message', message, name .. ':at', at)
  end
  local minute = math.floor(tonumber(at) / 60000)
  local worst = redis.call('HGET', minutes, minute)
  if not worst or rank[status] > rank[worst] then
    redis.call('HSET', minutes, minute, status)
  end
  if redis.call('HLEN', minutes) > length + 10 then
    for _, old in ipairs(redis.call('HKEYS', minutes)) do
      if tonumber(old) <= minute - length then
        redis.call('HDEL', minutes, old)
      end
    end
  end
  redis.call('EXPIRE', minutes, keep)
end
redis.call('EXPIRE', KEYS[1], keep)
redis.call('EXPIRE', KEYS[2], keep)
return 1
