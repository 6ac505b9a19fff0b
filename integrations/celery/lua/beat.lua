-- Write the heartbeat of a process. Its time is the server's, so that clocks of hosts need not agree.
-- KEYS: 1 sorted set of names by time, 2 hash of facts by name
-- ARGV: 1 name, 2 facts (JSON), 3 seconds after which a silent name is forgotten
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local forget = tonumber(ARGV[3])
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - forget)) do
  redis.call('ZREM', KEYS[1], name)
  redis.call('HDEL', KEYS[2], name)
end
redis.call('ZADD', KEYS[1], string.format('%.6f', now), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], forget)
redis.call('EXPIRE', KEYS[2], forget)
return 1
