-- What tells one set of counters from the next: it is gone when they are. Arguments: what it is if there is none, and its
-- lifetime in ms.
local mark = redis.call('GET', KEYS[1]) or ARGV[1]
redis.call('SET', KEYS[1], mark, 'PX', ARGV[2])
return mark
