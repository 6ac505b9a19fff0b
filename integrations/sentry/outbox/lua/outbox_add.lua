-- Store an envelope until it is delivered, unless it is stored or was delivered already.
--
-- KEYS  stream, order, ids, leases, done, totals
-- ARGV  1 event_id  2 captured at (ms)  3 envelope  4 token of the lease  5 duration of the lease (ms, 0 = none)
--       6 most envelopes  7 most bytes  8 seconds the keys live
-- Returns 'kept', 'known' (it is stored already) or 'done' (it was delivered).
local stream, order, ids, leases, done, totals = unpack(KEYS)
local call = redis.call
if call('ZSCORE', done, ARGV[1]) then return 'done' end
local answer = 'known'
if call('HEXISTS', ids, ARGV[1]) == 0 then
  answer = 'kept'
  local entry = call('XADD', stream, '*', 'id', ARGV[1], 'at', ARGV[2], 'envelope', ARGV[3])
  call('HSET', ids, ARGV[1], entry)
  call('ZADD', order, ARGV[2], ARGV[1])
  local bytes = call('HINCRBY', totals, 'bytes', #ARGV[3])
  -- Full: drop and count the oldest, but never the new one.
  while call('ZCARD', order) > 1 and (call('ZCARD', order) > tonumber(ARGV[6]) or bytes > tonumber(ARGV[7])) do
    local gone = call('ZRANGE', order, 0, 0)[1]
    if gone == ARGV[1] then gone = call('ZRANGE', order, 1, 1)[1] end
    local where = call('HGET', ids, gone)
    local found = call('XRANGE', stream, where, where)[1]
    if found then bytes = call('HINCRBY', totals, 'bytes', -#found[2][6]) end
    call('XDEL', stream, where)
    call('HDEL', ids, gone)
    call('HDEL', leases, gone)
    call('ZREM', order, gone)
    call('HINCRBY', totals, 'dropped:outbox_full', 1)
  end
end
if tonumber(ARGV[5]) > 0 then
  local time = call('TIME')
  call('HSETNX', leases, ARGV[1], ARGV[4] .. '|' .. (time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[5]))
end
for _, key in ipairs(KEYS) do call('EXPIRE', key, ARGV[8]) end
return answer
