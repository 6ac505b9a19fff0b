-- Read the last heartbeat of each process.
-- KEYS: 1 sorted set of names by time, 2 hash of facts by name
-- ARGV: 1 seconds after which a silent name is forgotten
-- Returns {name, seconds since its beat as text, facts} of each.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. (now - tonumber(ARGV[1])), '+inf', 'WITHSCORES')
local beats = {}
for i = 1, #found, 2 do
  local facts = redis.call('HGET', KEYS[2], found[i]) or '{}'
  beats[#beats + 1] = {found[i], string.format('%.3f', now - tonumber(found[i + 1])), facts}
end
return beats
