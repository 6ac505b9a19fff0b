-- KEYS  lock    ARGV  1 token    Gives 1 when the lock was still that one's, else 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
