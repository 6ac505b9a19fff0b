-- A recorded occurrence was seen again by another hook: keep what that one knows beside the record.
--
-- KEYS  records, group    ARGV  1 event_id  2 additions (JSON)  3 traceback ('' = not sent)
-- Gives 1 when the record is still in the ring, else 0.
if ARGV[3] ~= '' then
  if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('HSETNX', KEYS[2], 'traceback', ARGV[3]) end
end
if ARGV[2] == '' or redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local field = ARGV[1] .. '+'
local known = redis.call('HGET', KEYS[1], field)
-- Three additions are more than one failure passes hooks; beyond it a retry loop is at work.
if known and select(2, string.gsub(known, '\n', '\n')) >= 3 then return 1 end
redis.call('HSET', KEYS[1], field, (known and known .. '\n' or '') .. ARGV[2])
return 1
