-- Release the lock of replay.
-- KEYS  lock    ARGV  1 token    Returns 1 when the token still held the lock, else 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
