-- KEYS  group    ARGV  1 now_ms    Gives 1 when the group is known, else 0.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'state', 'resolved', 'resolved_ms', ARGV[1])
return 1
