-- Record the result of an attempt to send an envelope.
--
-- KEYS  stream, order, ids, leases, done, totals, remote, dead
-- ARGV  1 event_id  2 'accepted', 'dead' or 'left'  3 why it was not accepted  4 end of Sentry's rate limit (ms, 0 = none)
--       5 most delivered ids  6 most dead letters  7 seconds the keys live
--       8 envelope, for a dead letter that is not in the stream  9 sender: 'live', 'replay' or '' (it was not sent)
--       10 token, for 'left': another token's lease stays
-- Returns 1 if this is the first record of its delivery or death, else 0.
local stream, order, ids, leases, done, totals, remote, dead = unpack(KEYS)
local id, outcome = ARGV[1], ARGV[2]
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = call('HGET', leases, id)
if lease and (outcome ~= 'left' or string.match(lease, '^(.*)|') == ARGV[10]) then call('HDEL', leases, id) end
if tonumber(ARGV[4]) > tonumber(call('HGET', remote, 'limited_until_ms') or '0') then
  call('HSET', remote, 'limited_until_ms', ARGV[4])
end
if ARGV[9] ~= '' then
  call('HSET', remote, 'reachable', outcome == 'left' and '0' or '1', 'asked_ms', now, 'answer', ARGV[3])
end
local first = 0
if outcome ~= 'left' then
  local where = call('HGET', ids, id)
  local envelope = ARGV[8]
  if where then
    local found = call('XRANGE', stream, where, where)[1]
    if found then
      envelope = found[2][6]
      call('HINCRBY', totals, 'bytes', -#envelope)
      call('XDEL', stream, where)
    end
  end
  call('HDEL', ids, id)
  call('ZREM', order, id)
  if not call('ZSCORE', done, id) then
    first = 1
    call('ZADD', done, now, id)
    call('ZREMRANGEBYRANK', done, 0, -1 - tonumber(ARGV[5]))
    if outcome == 'accepted' then
      call('HINCRBY', totals, 'accepted', 1)
      if ARGV[9] == 'replay' then call('HINCRBY', totals, 'replayed', 1) end
    else
      call('HINCRBY', totals, 'dropped:' .. ARGV[3], 1)
      call('XADD', dead, 'MAXLEN', ARGV[6], '*', 'id', id, 'why', ARGV[3], 'envelope', envelope)
    end
  end
end
for _, key in ipairs(KEYS) do call('EXPIRE', key, ARGV[7]) end
return first
