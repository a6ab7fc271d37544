-- A permit in a set of holders with their expiry. Arguments: the holder, the number of permits, and the lifetime in ms.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local key, holder, lifetime = KEYS[1], ARGV[1], tonumber(ARGV[3])
local function text(number)
  return string.format('%.0f', number)
end
redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now))
local taken = redis.call('ZCARD', key)
if not redis.call('ZSCORE', key, holder) then
  if taken >= tonumber(ARGV[2]) then
    return {0, taken}
  end
  taken = taken + 1
end
redis.call('ZADD', key, text(now + lifetime), holder)
if redis.call('PTTL', key) < lifetime then
  redis.call('PEXPIRE', key, ARGV[3])
end
return {1, taken}
