-- Take or renew the lease of an envelope: one process at a time may send it, until its lease ends.
--
-- KEYS  ids, leases, done, remote    ARGV  1 event_id  2 token  3 milliseconds
-- Returns 'ok', 'done' (it was delivered), 'taken' (another process sends it) or 'limited' (Sentry limits the rate).
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('ZSCORE', KEYS[3], ARGV[1]) then return 'done' end
local lease = redis.call('HGET', KEYS[2], ARGV[1])
if lease then
  local owner, ends = string.match(lease, '^(.*)|(%d+)$')
  if owner ~= ARGV[2] and tonumber(ends) > now then return 'taken' end
end
if tonumber(redis.call('HGET', KEYS[4], 'limited_until_ms') or '0') > now then
  redis.call('HDEL', KEYS[2], ARGV[1])
  return 'limited'
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. '|' .. (now + ARGV[3]))
return 'ok'
