-- Add a batch of measurements of one family and one process. A batch that is sent again is not added again.
--
-- KEYS  the family's hash, sorted set of series by their last write, guard of the process
-- ARGV  1 sequence of the batch  2 payload (JSON)  3 seconds the family is kept  4 now (seconds)  5 seconds the guard lives
--       6 '1': drop series without recent writes
-- The payload: {series, counters, gauges}
--   series    {1, labels, count, total, min, max, errors, {{place, n}, ...}, {{index, n}, ...}, {{place, exemplar}, ...}}
--   counters  {name, value, is integer}    gauges  {name, text}
-- Fields: n s e (count, total, errors), lo hi, b<place>, x<index>, ex<place>, c (counter), g (gauge), each with |labels; at (the last merge).
-- Returns 1; 0 when the batch was added before.
local call = redis.call
local last = call('GET', KEYS[3])
if last and tonumber(last) >= tonumber(ARGV[1]) then return 0 end
call('SET', KEYS[3], ARGV[1], 'EX', ARGV[5])
-- From here on the batch counts as added, so an error in one field must not lose the others.
call = redis.pcall

local hash, seen, now = KEYS[1], KEYS[2], ARGV[4]
local payload = cjson.decode(ARGV[2])
for _, one in ipairs(payload[1]) do
  local at = '|' .. one[2]
  call('HINCRBY', hash, 'n' .. at, one[3])
  call('HINCRBYFLOAT', hash, 's' .. at, string.format('%.17g', one[4]))
  local bounds = call('HMGET', hash, 'lo' .. at, 'hi' .. at)
  if not bounds[1] or one[5] < tonumber(bounds[1]) then call('HSET', hash, 'lo' .. at, string.format('%.17g', one[5])) end
  if not bounds[2] or one[6] > tonumber(bounds[2]) then call('HSET', hash, 'hi' .. at, string.format('%.17g', one[6])) end
  if one[7] > 0 then call('HINCRBY', hash, 'e' .. at, one[7]) end
  for _, pair in ipairs(one[8]) do call('HINCRBY', hash, 'b' .. pair[1] .. at, pair[2]) end
  for _, pair in ipairs(one[9]) do call('HINCRBY', hash, 'x' .. pair[1] .. at, pair[2]) end
  for _, pair in ipairs(one[10]) do call('HSET', hash, 'ex' .. pair[1] .. at, pair[2]) end
  call('ZADD', seen, now, one[2])
end
for _, one in ipairs(payload[2]) do
  -- HINCRBY fails on a counter that holds a fraction or would exceed an integer.
  if not one[3] or type(call('HINCRBY', hash, 'c|' .. one[1], one[2])) ~= 'number' then
    call('HINCRBYFLOAT', hash, 'c|' .. one[1], one[2])
  end
end
for _, one in ipairs(payload[3]) do
  -- Ignore a late value that is older than the stored one.
  local known = string.match(call('HGET', hash, 'g|' .. one[1]) or '', ' (%S+)$')
  if tonumber(known or '0') <= tonumber(string.match(one[2], ' (%S+)$')) then call('HSET', hash, 'g|' .. one[1], one[2]) end
end

-- Drop series that were not written to for the lifetime of the family; a few at a time, since it is costly. Not where
-- sums over the family are exposed as counters, since counters must not fall.
local old = {}
if ARGV[6] == '1' then
  old = call('ZRANGEBYSCORE', seen, '-inf', tonumber(now) - tonumber(ARGV[3]), 'LIMIT', 0, 3)
end
for _, labels in ipairs(old) do
  local fields, at = {}, '|' .. labels
  for _, name in ipairs({'n', 's', 'e', 'lo', 'hi'}) do fields[#fields + 1] = name .. at end
  for place = 0, 15 do
    fields[#fields + 1] = 'b' .. place .. at
    fields[#fields + 1] = 'ex' .. place .. at
  end
  for index = -640, 380 do fields[#fields + 1] = 'x' .. index .. at end
  call('HDEL', hash, unpack(fields))
  call('ZREM', seen, labels)
end
call('HSET', hash, 'at', now)
call('EXPIRE', hash, ARGV[3])
call('EXPIRE', seen, ARGV[3])
return 1
