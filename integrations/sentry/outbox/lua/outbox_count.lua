-- Add the counts of a process once: a sequence that does not exceed the last one of its token is a repetition.
--
-- KEYS  totals, guard of the token    ARGV  1 sequence  2 seconds the keys live  then name, number, ...
if tonumber(redis.call('GET', KEYS[2]) or '0') >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'EX', 172800)
for at = 3, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[at], ARGV[at + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
