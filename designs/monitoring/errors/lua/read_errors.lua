-- Read the ring's newest entries and their groups at one moment.
--
-- KEYS  ring, records    ARGV  1 at most this many entries  2 not older than (ms)  3 prefix of group keys
-- Returns {{fingerprint, record, additions}, ...} newest first, {{fingerprint, total, traceback}, ...}
local call = redis.call
local entries = {}
local function add(places, beyond)
  for at = 1, #places, 2 do
    local place, score = places[at], places[at + 1]
    if score ~= beyond then
      local arrival, fingerprint = string.match(call('HGET', KEYS[2], place .. '#') or '', '^(%d+)|[^|]+|(.+)$')
      if arrival then
        entries[#entries + 1] = {
          place = place, at = tonumber(score), arrival = tonumber(arrival), fingerprint = fingerprint
        }
      end
    end
  end
end
local newest = call('ZREVRANGEBYSCORE', KEYS[1], '+inf', ARGV[2], 'WITHSCORES', 'LIMIT', 0, ARGV[1])
-- A reused place sorts as the oldest of its millisecond, so read all entries of the last millisecond.
local last = newest[#newest]
add(newest, last)
if last then add(call('ZRANGEBYSCORE', KEYS[1], last, last, 'WITHSCORES')) end
table.sort(entries, function(one, other)
  if one.at ~= other.at then return one.at > other.at end
  return one.arrival > other.arrival
end)
local found, groups, seen = {}, {}, {}
for number = 1, math.min(#entries, tonumber(ARGV[1])) do
  local place, fingerprint = entries[number].place, entries[number].fingerprint
  local stored = call('HMGET', KEYS[2], place, place .. '+')
  if stored[1] then found[#found + 1] = {fingerprint, stored[1], stored[2] or ''} end
  if stored[1] and not seen[fingerprint] then
    seen[fingerprint] = true
    local facts = call('HMGET', ARGV[3] .. fingerprint, 'total', 'traceback')
    groups[#groups + 1] = {fingerprint, facts[1] or '0', facts[2] or ''}
  end
end
return {found, groups}
