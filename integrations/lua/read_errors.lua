-- A consistent picture of the ring's newest entries and their groups.
--
-- KEYS  ring, records    ARGV  1 at most this many entries  2 not older than (ms)  3 prefix of group keys
-- Gives {{fingerprint, record, additions}, ...} newest first, {{fingerprint, total, traceback}, ...}
local found, groups, seen = {}, {}, {}
for _, entry in ipairs(redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', ARGV[2], 'LIMIT', 0, ARGV[1])) do
  local id, fingerprint = string.match(entry, '^%d+|([^|]+)|(.+)$')
  local stored = redis.call('HMGET', KEYS[2], id, id .. '+')
  if stored[1] then
    found[#found + 1] = {fingerprint, stored[1], stored[2] or ''}
    if not seen[fingerprint] then
      seen[fingerprint] = true
      local facts = redis.call('HMGET', ARGV[3] .. fingerprint, 'total', 'traceback')
      groups[#groups + 1] = {fingerprint, facts[1] or '0', facts[2] or ''}
    end
  end
end
return {found, groups}
