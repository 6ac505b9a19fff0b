-- Mark a group as resolved.
-- KEYS  group    ARGV  1 now_ms  2 its key, or an alias  3 prefix of all keys
-- Returns 1 when the group is known, else 0.
local group = KEYS[1]
if redis.call('EXISTS', group) == 0 then
  group = ARGV[3] .. 'group:' .. (redis.call('HGET', ARGV[3] .. 'aliases', ARGV[2]) or '')
  if redis.call('EXISTS', group) == 0 then return 0 end
end
redis.call('HSET', group, 'state', 'resolved', 'resolved_ms', ARGV[1])
return 1
