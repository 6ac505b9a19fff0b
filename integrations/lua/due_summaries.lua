-- Hand out groups whose window ended with occurrences nobody forwarded; each is handed out once.
--
-- KEYS  due, totals    ARGV  1 now_ms  2 at most this many  3 prefix of group keys
-- Gives {{fingerprint, suppressed, total, type, message, severity, site, first_seen_ms, last_seen_ms, last_event_id}, ...}
local found = {}
for _, fingerprint in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
  local group = ARGV[3] .. fingerprint
  redis.call('ZREM', KEYS[1], fingerprint)
  redis.call('HDEL', group, 'due')
  local facts = redis.call('HMGET', group, 'total', 'type', 'message', 'severity', 'site', 'first_seen_ms',
    'last_seen_ms', 'last_event_id', 'forwarded_total')
  local suppressed = tonumber(facts[1] or '0') - tonumber(facts[9] or '0')
  if suppressed > 0 then
    redis.call('HSET', group, 'forwarded_total', facts[1])
    redis.call('HINCRBY', KEYS[2], 'summaries', 1)
    local row = {fingerprint, suppressed}
    for place = 1, 8 do row[place + 2] = facts[place] or '' end
    found[#found + 1] = row
  end
end
return found
