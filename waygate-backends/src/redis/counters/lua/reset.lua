-- Removes a counter, and stores the time, so that no earlier charge is refunded to the next one. Its key, the key of the
-- time, and the time in ms for which a charge may count.
local clock = redis.call('TIME')
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], string.format('%.0f', clock[1] * 1000000 + clock[2]), 'PX', ARGV[1])
return 1
