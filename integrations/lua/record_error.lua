-- One occurrence: ring, group, totals and the gate's decision, in one atomic call.
--
-- KEYS  ring, records, places, groups, totals, group, operation
-- ARGV  1 now_ms  2 event_id  3 fingerprint  4 record (JSON)  5 traceback ('' = not sent)  6 group facts (JSON object of text)
--       7 ring_size  8 ring_ms  9 group_seconds  10 window_ms  11 max_groups  12 prefix of group keys
--       13 occurrences this call stands for  14 error_type  15 operation_seconds
-- Gives {state, event_id, total, n_in_window, is_new, forward, needs_traceback, not_forwarded_before}
--       state 'seen': this operation was recorded before under that event_id, and nothing was counted.
local ring, records, places, groups, totals, group, operation = unpack(KEYS)
local now_ms, event_id, fingerprint = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local ring_size, ring_ms, group_seconds = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local window_ms, max_groups, prefix = tonumber(ARGV[10]), tonumber(ARGV[11]), ARGV[12]
local weight = tonumber(ARGV[13])

if not redis.call('SET', operation, event_id, 'NX', 'EX', ARGV[15]) then
  return {'seen', redis.call('GET', operation) or '', 0, 0, 0, 0, 0, 0}
end

local function drop(entry)
  local id, of = string.match(entry, '^([^|]+)|([^|]+)|')
  redis.call('LREM', ring, 1, entry)
  redis.call('HDEL', records, id, id .. '+')
  if redis.call('HINCRBY', places, of, -1) <= 0 then redis.call('HDEL', places, of) end
end

local function entry_ms(entry) return tonumber(string.match(entry, '|(%d+)$')) end

-- Ring: what is too old goes first; then, if it is full, the oldest record of the group with most places.
local oldest = redis.call('LINDEX', ring, 0)
while oldest and entry_ms(oldest) < now_ms - ring_ms do
  drop(oldest)
  oldest = redis.call('LINDEX', ring, 0)
end
redis.call('RPUSH', ring, event_id .. '|' .. fingerprint .. '|' .. string.format('%.0f', now_ms))
redis.call('HSET', records, event_id, ARGV[4])
redis.call('HINCRBY', places, fingerprint, 1)
while redis.call('LLEN', ring) > ring_size do
  local counts, most = redis.call('HGETALL', places), 0
  local held = {}
  for i = 1, #counts, 2 do
    held[counts[i]] = tonumber(counts[i + 1])
    if held[counts[i]] > most then most = held[counts[i]] end
  end
  for _, entry in ipairs(redis.call('LRANGE', ring, 0, -1)) do
    if held[string.match(entry, '^[^|]+|([^|]+)|')] == most then
      drop(entry)
      break
    end
  end
end

-- Group: created once, then counted.
local is_new = redis.call('EXISTS', group) == 0
if is_new then
  for field, value in pairs(cjson.decode(ARGV[6])) do redis.call('HSET', group, field, value) end
  redis.call('HSET', group, 'first_seen_ms', ARGV[1])
end
if ARGV[5] ~= '' then redis.call('HSETNX', group, 'traceback', ARGV[5]) end
local needs_traceback = redis.call('HEXISTS', group, 'traceback') == 0
redis.call('HSET', group, 'last_seen_ms', ARGV[1], 'last_event_id', event_id)
local total = redis.call('HINCRBY', group, 'total', weight)
redis.call('ZADD', groups, now_ms, fingerprint)
redis.call('HINCRBY', totals, 'occurrences', weight)
redis.call('HINCRBY', totals, 'type:' .. ARGV[14], weight)
if is_new then redis.call('HINCRBY', totals, 'groups', 1) end
local too_many = redis.call('ZCARD', groups) - max_groups
if too_many > 0 then
  for _, gone in ipairs(redis.call('ZRANGE', groups, 0, too_many - 1)) do
    redis.call('DEL', prefix .. gone)
    redis.call('ZREM', groups, gone)
    redis.call('HINCRBY', totals, 'groups_evicted', 1)
  end
end

-- Gate: within a window the 1st, 10th, 100th, ... occurrence passes on; a new group always does.
local started = tonumber(redis.call('HGET', group, 'window_ms') or '-1')
if started < 0 or now_ms - started >= window_ms or now_ms < started then
  redis.call('HSET', group, 'window_ms', ARGV[1], 'window_n', 0)
end
local n = redis.call('HINCRBY', group, 'window_n', weight)
local forward, step = is_new, 1
while step <= n and not forward do
  if n - weight < step then forward = true end
  step = step * 10
end
local not_forwarded = 0
if forward then
  not_forwarded = total - tonumber(redis.call('HGET', group, 'forwarded_total') or '0')
  redis.call('HSET', group, 'forwarded_total', total)
  redis.call('HINCRBY', totals, 'forwarded', 1)
end

local ring_seconds = math.floor(ring_ms / 1000) + group_seconds
for _, key in ipairs({ring, records, places}) do redis.call('EXPIRE', key, ring_seconds) end
for _, key in ipairs({groups, totals, group}) do redis.call('EXPIRE', key, group_seconds * 2) end
return {
  'recorded', event_id, total, n, is_new and 1 or 0, forward and 1 or 0, needs_traceback and 1 or 0, not_forwarded
}
