-- Ask for the right to send an envelope: one at a time has it, and only until its lease ends.
--
-- KEYS  ids, leases, done, remote    ARGV  1 event_id  2 token  3 milliseconds
-- Gives 'ok', 'done' (it was delivered), 'taken' (somebody else sends it) or 'limited' (Sentry wants no more for now).
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
