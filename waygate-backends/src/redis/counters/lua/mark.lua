-- The mark of one set of counters, which is lost with them. Arguments: the mark if there is none, and its lifetime in
-- ms.
local mark = redis.call('GET', KEYS[1]) or ARGV[1]
redis.call('SET', KEYS[1], mark, 'PX', ARGV[2])
return mark
