-- A consistent picture of the ring's newest entries and their groups.
--
-- KEYS  ring, records    ARGV  1 at most this many entries  2 not older than (ms)  3 prefix of group keys
-- Gives {{fingerprint, record, additions}, ...} newest first, {{fingerprint, total, traceback}, ...}
local entries = {}
local ring = redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', ARGV[2], 'WITHSCORES')
for at = 1, #ring, 2 do
  local place = ring[at]
  local stored = redis.call('HMGET', KEYS[2], place, place .. '#', place .. '+')
  local arrival, fingerprint = string.match(stored[2] or '', '^(%d+)|[^|]+|(.+)$')
  if stored[1] and arrival then
    entries[#entries + 1] = {
      at = tonumber(ring[at + 1]), arrival = tonumber(arrival), told = {fingerprint, stored[1], stored[3] or ''}
    }
  end
end
-- A place that was used again stands among those of its millisecond as if it were the oldest.
table.sort(entries, function(one, other)
  if one.at ~= other.at then return one.at > other.at end
  return one.arrival > other.arrival
end)
local found, groups, seen = {}, {}, {}
for number = 1, math.min(#entries, tonumber(ARGV[1])) do
  found[number] = entries[number].told
  local fingerprint = found[number][1]
  if not seen[fingerprint] then
    seen[fingerprint] = true
    local facts = redis.call('HMGET', ARGV[3] .. fingerprint, 'total', 'traceback')
    groups[#groups + 1] = {fingerprint, facts[1] or '0', facts[2] or ''}
  end
end
return {found, groups}
