-- A consistent picture of the ring's newest entries and their groups.
--
-- KEYS  ring, records    ARGV  1 at most this many entries  2 not older than (ms)  3 prefix of group keys
-- Gives {{fingerprint, record, additions}, ...} newest first, {{fingerprint, total, traceback}, ...}
local entries, found, groups, seen = {}, {}, {}, {}
for place, entry in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local id, fingerprint, ms = string.match(entry, '^([^|]+)|([^|]+)|(%d+)$')
  ms = tonumber(ms)
  if ms >= tonumber(ARGV[2]) then
    entries[#entries + 1] = {id = id, fingerprint = fingerprint, ms = ms, place = place}
  end
end
-- What a process kept while Redis was away comes later than it happened.
table.sort(entries, function(a, b)
  if a.ms ~= b.ms then return a.ms > b.ms end
  return a.place > b.place
end)
for i = 1, math.min(#entries, tonumber(ARGV[1])) do
  local entry = entries[i]
  local stored = redis.call('HMGET', KEYS[2], entry.id, entry.id .. '+')
  if stored[1] then
    found[#found + 1] = {entry.fingerprint, stored[1], stored[2] or ''}
    if not seen[entry.fingerprint] then
      seen[entry.fingerprint] = true
      local facts = redis.call('HMGET', ARGV[3] .. entry.fingerprint, 'total', 'traceback')
      groups[#groups + 1] = {entry.fingerprint, facts[1] or '0', facts[2] or ''}
    end
  end
end
return {found, groups}
