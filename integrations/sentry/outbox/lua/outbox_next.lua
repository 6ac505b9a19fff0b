-- Lease and return the oldest envelope without a lease. Drop and count envelopes that are too old.
--
-- KEYS  stream, order, ids, leases, remote, totals
-- ARGV  1 token  2 milliseconds of the lease  3 captured before this (ms) is too old  4 most envelopes to read
-- Returns {'entry', event_id, captured at, envelope}, {'limited', until (ms)} or {'none'}.
local stream, order, ids, leases, remote, totals = unpack(KEYS)
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function forget(id)
  local where = call('HGET', ids, id)
  if where then
    local found = call('XRANGE', stream, where, where)[1]
    if found then call('HINCRBY', totals, 'bytes', -#found[2][6]) end
    call('XDEL', stream, where)
  end
  call('HDEL', ids, id)
  call('HDEL', leases, id)
  call('ZREM', order, id)
end

for _, id in ipairs(call('ZRANGEBYSCORE', order, '-inf', '(' .. ARGV[3], 'LIMIT', 0, ARGV[4])) do
  forget(id)
  call('HINCRBY', totals, 'dropped:too_old', 1)
end
local limited = tonumber(call('HGET', remote, 'limited_until_ms') or '0')
if limited > now then return {'limited', limited} end
for _, id in ipairs(call('ZRANGE', order, 0, tonumber(ARGV[4]) - 1)) do
  local lease = call('HGET', leases, id)
  if not lease or tonumber(string.match(lease, '|(%d+)$')) <= now then
    local where = call('HGET', ids, id)
    local found = where and call('XRANGE', stream, where, where)[1]
    if found then
      call('HSET', leases, id, ARGV[1] .. '|' .. (now + ARGV[2]))
      return {'entry', id, found[2][4], found[2][6]}
    end
    forget(id)
  end
end
return {'none'}
