-- Record findings of health checks: the present state, its changes, and the worst state of each minute.
-- KEYS: 1 state hash, 2 totals hash, then for each row: changes sorted set, minutes hash, findings hash (by observer)
-- ARGV: 1 seconds the changes are kept, 2 length of the strip in minutes, 3 observer, 4 seconds a finding counts,
--       then for each row: component, status, message, milliseconds since the epoch
-- A component's state is the worst recent finding of all observers, so that disagreeing observers do not change it in turn.
local keep, length, observer, window = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]) * 1000
local rank = {healthy = 1, degraded = 2, unhealthy = 3}

-- Return status, observer and message of the worst recent finding, the newest of equals; delete old findings.
local function worst_of(findings, at)
  local status, by, message, newest
  local all = redis.call('HGETALL', findings)
  for i = 1, #all, 2 do
    local when, what, words = string.match(all[i + 1], '^(%d+):(%a+):(.*)$')
    when = tonumber(when)
    if when <= at - window then
      redis.call('HDEL', findings, all[i])
    elseif not status or rank[what] > rank[status] or (what == status and when > newest) then
      status, by, message, newest = what, all[i], words, when
    end
  end
  return status, by, message
end

for row = 0, (#ARGV - 4) / 4 - 1 do
  local name, found, words, at = ARGV[row * 4 + 5], ARGV[row * 4 + 6], ARGV[row * 4 + 7], ARGV[row * 4 + 8]
  local changes, minutes, findings = KEYS[row * 3 + 3], KEYS[row * 3 + 4], KEYS[row * 3 + 5]
  local known = redis.call('HMGET', KEYS[1], name .. ':status', name .. ':at')
  if not known[2] or tonumber(known[2]) <= tonumber(at) then
    redis.call('HSET', findings, observer, at .. ':' .. found .. ':' .. words)
    redis.call('EXPIRE', findings, keep)
    local status, by, message = worst_of(findings, tonumber(at))
    if known[1] ~= status then
      redis.call('HSET', KEYS[1], name .. ':status', status, name .. ':since', at)
      -- Members of an older release end after the status. The message comes last: it may contain colons.
      redis.call('ZADD', changes, at, table.concat({at, status, known[1] or '', by, message}, ':'))
      redis.call('ZREMRANGEBYSCORE', changes, '-inf', tonumber(at) - keep * 1000)
      redis.call('EXPIRE', changes, keep)
      if known[1] then
        redis.call('HINCRBY', KEYS[2], name .. ':' .. status, 1)
      end
    end
    redis.call('HSET', KEYS[1], name .. ':message', message, name .. ':by', by, name .. ':at', at)
  end
  local minute = math.floor(tonumber(at) / 60000)
  local worst = redis.call('HGET', minutes, minute)
  if not worst or rank[found] > rank[worst] then
    redis.call('HSET', minutes, minute, found)
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
