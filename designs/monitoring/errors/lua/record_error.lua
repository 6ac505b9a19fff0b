-- Record one occurrence, or a late batch of one group: ring, group, minutes, users, totals and the gate's decision, in
-- one atomic call.
--
-- KEYS   ring, records, places, groups, totals, pending, guard of the slot, group, its users, its places in the ring
-- ARGV   1 now_ms  2 event_id  3 fingerprint  4 kind|severity|source  5 record (JSON)  6 sequence in the slot
--        Optional, all together:
--        7 user ('' = none)  8 operation ('' = cannot be repeated elsewhere)
--        9 group facts (JSON object of text, '' = not sent)  10 traceback ('' = not sent)
--        11 number of occurrences  12 '' when live; of a late batch: how many were forwarded already
--        13 counts of the reasons that they state ("word=1 word=2"); left out without reasons
-- Returns {total, occurrences of the window} when nothing else is of interest; or
--        {state, event_id, total, is_new, is_regressed, forward, represents, needs_facts, needs_traceback,
--        occurrences of the window, time the group was first seen (ms, 0 when not forwarded), key of the group if it
--        differs from the key sent}
--        state 'seen': this operation was recorded before under that event_id, and nothing was counted.
-- The ring holds places, by time. For each place, `records` has the record, with suffix # "arrival|event_id|fingerprint",
-- and with suffix + the additions of other hooks. In a storm the newest occurrence reuses the place of the oldest.
-- Times are the application's. The group hash: total, forwarded_total, window_ms, window_n, state, resolved_ms,
-- minute and minute_n (the running minute), minutes (8 bytes each past one: minute, count), joined (other keys
-- counted here), reasons (as in ARGV 13: at most 32 words, and `other` for the rest), facts.
-- The hash `aliases` maps a key to the group that counts it; `names` lists these keys for each group, so that they are
-- deleted with it. If a key has no group, its aliases are looked up there, and then the key itself.
-- Every occurrence is in one of three numbers: `told` in totals (a forwarded event represents it), `pending`
-- (total less forwarded_total of its group, also in the hash `pending`, which outlives the group), or one of totals'
-- `untold:<reason>`. The hash `pending` has the lifetime of totals, so that the three always add up to `occurrences`.
-- The values of settings and the prefix of all keys replace the three dots.
local prefix, ring_size, ring_ms, group_seconds, window_ms, max_groups, max_operations, guard_seconds, told_as = ...
local ring, records, places, groups, totals, pending, guard, group, users, held = unpack(KEYS)
local now, event_id, fingerprint, record = ARGV[1], ARGV[2], ARGV[3], ARGV[5]
local user, operation, told_facts, traceback = ARGV[7] or '', ARGV[8] or '', ARGV[9] or '', ARGV[10] or ''
local now_ms, sequence, weight = tonumber(now), tonumber(ARGV[6]), tonumber(ARGV[11] or '1')
local live, represented = (ARGV[12] or '') == '', tonumber(ARGV[12] or '') or 0
local call = redis.call
local aliases, names, counted_in = prefix .. 'aliases', prefix .. 'names', nil

-- Count in the group of another key instead of the key sent.
local function count_in(key)
  fingerprint, counted_in = key, key
  group, users, held = prefix .. 'group:' .. key, prefix .. 'users:' .. key, prefix .. 'held:' .. key
end

-- Store the number of the group's occurrences that no event represents, if it has changed.
local function set_pending(now_pending, before)
  if now_pending == before then return end
  if now_pending <= 0 then
    call('HDEL', pending, fingerprint)
    return
  end
  call('HSET', pending, fingerprint, now_pending)
  if before <= 0 then
    for _, key in ipairs({totals, pending}) do call('EXPIRE', key, group_seconds * 2) end
  end
end

-- Clean up after a deleted group: no event will represent its pending occurrences, and no key leads to it.
local function give_up(gone, reason)
  local leading = call('HGET', names, gone)
  if leading then
    for alias in string.gmatch(leading, '%S+') do
      if call('HGET', aliases, alias) == gone then call('HDEL', aliases, alias) end
    end
    call('HDEL', names, gone)
  end
  local number = call('HGET', pending, gone)
  if not number then return end
  call('HDEL', pending, gone)
  call('HINCRBY', totals, 'untold:' .. reason, number)
end

-- A slot's commands arrive in order: a sequence that does not exceed the last one is a repetition.
local done = call('SET', guard, ARGV[6] .. ':0', 'EX', guard_seconds, 'GET')
if done then
  local last, given, where = string.match(done, '^(%d+):(-?%d+):?(.*)$')
  if tonumber(last) >= sequence then
    if tonumber(last) == sequence and where ~= '' then count_in(where) end
    if tonumber(last) == sequence and given ~= '-1' and not live then
      -- The decision returned then was lost. The number forwarded instead counts.
      local more = represented - tonumber(given)
      call('HINCRBY', totals, told_as, more)
      if call('EXISTS', group) == 1 then
        local left = tonumber(call('HGET', group, 'total')) - call('HINCRBY', group, 'forwarded_total', more)
        set_pending(left, left + more)
      elseif call('ZSCORE', groups, fingerprint) then
        -- The group has expired. Its pending occurrences are given up later.
        local left = tonumber(call('HGET', pending, fingerprint) or '0')
        set_pending(left - more, left)
      else
        -- The group was evicted, and its pending occurrences were given up, including those forwarded.
        call('HINCRBY', totals, 'untold:group_evicted', -more)
      end
      done = last .. ':' .. represented .. (where ~= '' and ':' .. where or '')
    end
    call('SET', guard, done, 'EX', guard_seconds)
    return {'recorded', event_id, tonumber(call('HGET', group, 'total') or '0'), 0, 0, 0, 0, 0, 0, 0, 0, counted_in}
  end
end
if operation ~= '' then
  local operations, order = prefix .. 'operations', prefix .. 'operations_order'
  if call('HSETNX', operations, operation, event_id) == 0 then
    call('SET', guard, ARGV[6] .. ':-1', 'EX', guard_seconds)
    local first, where = string.match(call('HGET', operations, operation), '^([^|]*)|?(.*)$')
    return {'seen', first, 0, 0, 0, 0, 0, 0, 0, 0, 0, where ~= '' and where or nil}
  end
  if call('RPUSH', order, operation) > max_operations then
    call('HDEL', operations, call('LPOP', order))
    call('HINCRBY', totals, 'operations_forgotten', 1)
  end
  for _, key in ipairs({operations, order}) do call('EXPIRE', key, group_seconds * 2) end
end

call('HINCRBY', totals, 'by:' .. ARGV[4], weight)
local arrival = call('HINCRBY', totals, 'occurrences', weight)

-- Group: created once, then counted.
local function read_group()
  return call('HMGET', group, 'total', 'forwarded_total', 'window_ms', 'window_n', 'state', 'resolved_ms',
    'minute', 'minute_n', 'first_seen_ms', 'last_seen_ms', 'described', 'traced')
end
local known, facts = read_group(), told_facts ~= '' and cjson.decode(told_facts)
if not known[1] then
  -- One of its aliases belongs to a living group, or the key was joined to one before. Aliases first: they distinguish
  -- bugs that the key does not.
  local function living(key)
    return key and call('HEXISTS', prefix .. 'group:' .. key, 'total') == 1 and key
  end
  local joined
  for alias in string.gmatch(facts and facts.aliases or '', '%S+') do
    joined = joined or living(alias) or living(call('HGET', aliases, alias))
  end
  joined = joined or living(call('HGET', aliases, fingerprint))
  if joined then
    count_in(joined)
    known = read_group()
    -- A repetition counts in the same group, even if the aliases have changed by then.
    call('SET', guard, ARGV[6] .. ':0:' .. joined, 'EX', guard_seconds)
    if operation ~= '' then call('HSET', prefix .. 'operations', operation, event_id .. '|' .. joined) end
  end
end
local is_new = not known[1]
-- A group with this key may have expired before.
if is_new then give_up(fingerprint, 'group_expired') end
local total, forwarded = tonumber(known[1] or '0') + weight, tonumber(known[2] or '0') + represented
local pending_before = total - weight - tonumber(known[2] or '0')
local state, described, traced = known[5] or (is_new and 'new' or 'ongoing'), known[11], known[12]
-- An occurrence before the group was resolved does not reopen it when it is recorded late.
local is_regressed = state == 'resolved' and now_ms >= tonumber(known[6] or '0')
if is_regressed then state = 'regressed' end
local changes = {'total', total}
local function set(field, value)
  changes[#changes + 1] = field
  changes[#changes + 1] = value
end

-- Add counts of reasons to those of the group.
local function with_reasons(known, more)
  local counts, words = {}, {}
  local function add(word, number)
    if not counts[word] and #words >= 32 then word = 'other' end
    if not counts[word] then words[#words + 1] = word end
    counts[word] = (counts[word] or 0) + tonumber(number)
  end
  for word, number in string.gmatch(known .. ' ' .. more, '([%w_]+)=(%d+)') do add(word, number) end
  for at, word in ipairs(words) do words[at] = word .. '=' .. string.format('%.0f', counts[word]) end
  return table.concat(words, ' ')
end
if ARGV[13] then set('reasons', with_reasons(call('HGET', group, 'reasons') or '', ARGV[13])) end

-- Make a key an alias of this group, unless it is one of another living group.
local lead_here = (facts or counted_in) and function(key)
  local before = call('HGET', aliases, key)
  if before and (before == fingerprint or call('EXISTS', prefix .. 'group:' .. before) == 1) then return end
  local leading = call('HGET', names, fingerprint) or ''
  if #leading > 4000 then return end
  call('HSET', aliases, key, fingerprint)
  call('HSET', names, fingerprint, leading .. ' ' .. key)
end
if counted_in then
  local joined = call('HGET', group, 'joined') or ''
  if not string.find(' ' .. joined .. ' ', ' ' .. ARGV[3] .. ' ', 1, true) and #joined < 2000 then
    set('joined', joined == '' and ARGV[3] or joined .. ' ' .. ARGV[3])
  end
  lead_here(ARGV[3])
  for alias in string.gmatch(facts and facts.aliases or '', '%S+') do lead_here(alias) end
end

if facts and described then
  -- Each process sends the facts once, which is enough to collect the releases of a group.
  local release, seen = facts.releases or '', call('HGET', group, 'releases') or ''
  if release ~= '' and not string.find('\n' .. seen .. '\n', '\n' .. release .. '\n', 1, true) then
    if #seen > 2000 then seen = string.match(seen, '\n(.*)$') or '' end
    set('releases', seen == '' and release or seen .. '\n' .. release)
  end
elseif facts then
  for field, value in pairs(facts) do set(field, value) end
  set('described', '1')
  described = true
  local site = prefix .. 'site:' .. facts.site
  call('ZADD', site, now, fingerprint)
  call('ZREMRANGEBYRANK', site, 0, -51)
  for alias in string.gmatch(facts.aliases or '', '%S+') do lead_here(alias) end
end
if traceback ~= '' and not traced then
  set('traceback', traceback)
  set('traced', '1')
  traced = true
end
if is_new or now_ms < tonumber(known[9]) then set('first_seen_ms', now) end
if is_new or now_ms >= tonumber(known[10]) then
  set('last_seen_ms', now)
  set('last_event_id', event_id)
  -- Seconds are precise enough to find the least recent group.
  if is_new or now_ms - now_ms % 1000 > tonumber(known[10]) then call('ZADD', groups, now, fingerprint) end
end

local minute, running, past = math.floor(now_ms / 60000), tonumber(known[7] or '-1'), nil
if minute == running then
  set('minute_n', tonumber(known[8]) + weight)
elseif minute > running then
  if running >= 0 then past = struct.pack('>I4I4', running, tonumber(known[8])) end
  set('minute', minute)
  set('minute_n', weight)
else
  past = struct.pack('>I4I4', minute, weight)
end
-- Ring: drop entries that are too old first; then, if it is full, the oldest entry of the group with most places.
-- This also removes the remains of an interrupted script, or of a key that expired before the others.
local function drop(place, of)
  of = of or string.match(call('HGET', records, place .. '#') or '', '^%d+|[^|]+|(.+)$')
  call('ZREM', ring, place)
  call('HDEL', records, place, place .. '#', place .. '+')
  if not of then return end
  call('LREM', prefix .. 'held:' .. of, 1, place)
  if tonumber(call('ZINCRBY', places, -1, of)) <= 0 then call('ZREM', places, of) end
end

if minute ~= running then
  local oldest = call('ZRANGE', ring, 0, 0, 'WITHSCORES')
  while oldest[1] and tonumber(oldest[2]) < now_ms - ring_ms do
    drop(oldest[1])
    oldest = call('ZRANGE', ring, 0, 0, 'WITHSCORES')
  end
end
local too_many, place = call('ZCARD', ring) + 1 - ring_size, nil
if too_many == 1 then
  local most = call('ZREVRANGE', places, 0, 0)
  if most[1] == fingerprint then place = call('LMOVE', held, held, 'LEFT', 'RIGHT') end
end
local is_reused = place
if not is_reused then
  -- Places of one millisecond sort in order of arrival. Arrival numbers may restart while the ring lives on.
  place = string.format('%015.0f', arrival) .. '|' .. event_id
  call('ZADD', places, call('RPUSH', held, place), fingerprint)
end
call('ZADD', ring, now, place)
call('HSET', records, place, record, place .. '#', string.format('%.0f', arrival) .. '|' .. event_id .. '|' .. fingerprint,
  place .. '+', '')
while too_many > 0 and not is_reused do
  local most = call('ZREVRANGE', places, 0, 0, 'WITHSCORES')
  if tonumber(most[2] or 0) <= 1 then
    drop(call('ZRANGE', ring, 0, 0)[1])
  else
    local oldest = call('LINDEX', prefix .. 'held:' .. most[1], 0)
    if oldest then drop(oldest, most[1]) else call('ZREM', places, most[1]) end
  end
  too_many = too_many - 1
end

if past then
  local minutes = (call('HGET', group, 'minutes') or '') .. past
  if #minutes > 24000 then
    -- More entries than minutes of a day: sum those of the same minute, drop those older than a day.
    local sums, kept = {}, {}
    for at = 1, #minutes, 8 do
      local of, n = struct.unpack('>I4I4', minutes, at)
      if of > math.max(minute, running) - 1440 then sums[of] = (sums[of] or 0) + n end
    end
    for of, n in pairs(sums) do kept[#kept + 1] = struct.pack('>I4I4', of, n) end
    minutes = table.concat(kept)
  end
  set('minutes', minutes)
end
if user ~= '' then call('PFADD', users, user) end

-- Gate: within a window the 1st, 10th, 100th, ... occurrence passes; one of a new or regressed group
-- always does. A late batch was decided by the process that kept it. Clocks of hosts differ, so a time shortly before
-- the window counts as within it.
local forward, represents, in_window = false, 0, 0
if live then
  local started, n = tonumber(known[3] or '-1'), tonumber(known[4] or '0')
  if started < 0 or now_ms >= started + window_ms or now_ms < started - window_ms then
    started, n = now_ms, 0
    set('window_ms', now)
    if state == 'new' and not is_new then state = 'ongoing' end
  end
  in_window = n + weight
  set('window_n', in_window)
  forward = is_new or is_regressed
  local step = 1
  while step <= in_window and not forward do
    forward = n < step
    step = step * 10
  end
  if forward then
    represents = total - forwarded
    forwarded = total
    call('HINCRBY', totals, 'forwarded', 1)
  end
end
if represents + represented > 0 then call('HINCRBY', totals, told_as, represents + represented) end
set_pending(total - forwarded, pending_before)
if tostring(forwarded) ~= known[2] then set('forwarded_total', forwarded) end
if state ~= known[5] then set('state', state) end
call('HSET', group, unpack(changes))
if represents + represented > 0 then
  -- A repetition finds how many are counted as forwarded, by this decision or by that of a late batch.
  local given = represents + represented
  call('SET', guard, ARGV[6] .. ':' .. given .. (counted_in and ':' .. counted_in or ''), 'EX', guard_seconds)
end

if is_new then
  call('HINCRBY', totals, 'groups', 1)
  local excess = call('ZCARD', groups) - max_groups
  if excess > 0 then
    for _, gone in ipairs(call('ZRANGE', groups, 0, excess - 1)) do
      give_up(gone, call('EXISTS', prefix .. 'group:' .. gone) == 1 and 'group_evicted' or 'group_expired')
      local of = call('HGET', prefix .. 'group:' .. gone, 'site')
      if of then call('ZREM', prefix .. 'site:' .. of, gone) end
      call('DEL', prefix .. 'group:' .. gone, prefix .. 'users:' .. gone)
      call('ZREM', groups, gone)
      call('HINCRBY', totals, 'groups_evicted', 1)
    end
  end
end
-- Once a minute is enough to renew the expiry of keys in use, and to detect expired groups.
if minute ~= running or group_seconds < 600 or counted_in then
  for _, gone in ipairs(call('ZRANGE', groups, 0, 9)) do
    if call('EXISTS', prefix .. 'group:' .. gone) == 1 then break end
    give_up(gone, 'group_expired')
    call('ZREM', groups, gone)
  end
  for _, key in ipairs({ring, records, places, held}) do
    call('EXPIRE', key, math.floor(ring_ms / 1000) + group_seconds)
  end
  local site = prefix .. 'site:' .. (call('HGET', group, 'site') or '')
  for _, key in ipairs({groups, totals, pending, group, users, site, aliases, names}) do
    call('EXPIRE', key, group_seconds * 2)
  end
end
if described and traced and not counted_in and not (is_new or is_regressed or forward) then return {total, in_window} end
return {
  'recorded', event_id, total, is_new and 1 or 0, is_regressed and 1 or 0, forward and 1 or 0, represents,
  described and 0 or 1, traced and 0 or 1, in_window,
  forward and (is_new and now_ms or math.min(now_ms, tonumber(known[9]))) or 0, counted_in
}
