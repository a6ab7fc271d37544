-- One take from a fixed window, which is what most policies are: two commands. `take.lua` explains the arguments.
if ARGV[1] == 'F' and ARGV[6] ~= '0' and not KEYS[2] then
  local key, field, cost, capacity = KEYS[1], ARGV[2], tonumber(ARGV[6]), tonumber(ARGV[3])
  local used = redis.call('HINCRBY', key, field, ARGV[6])
  local left = redis.call('PTTL', key)
  local changed = used == cost and left >= 0 and redis.call('HLEN', key) > 1
  if changed then
    -- The key was counted otherwise before; see below.
    redis.call('HDEL', key, field)
  else
    local allowed, fresh = used <= capacity, left < 0
    if fresh then
      left = tonumber(ARGV[5])
      redis.call('PEXPIRE', key, ARGV[5])
    end
    left = math.max(left, 1) * 1000
    if allowed then
      return {1, capacity - used, left, 0}
    end
    used = redis.call('HINCRBY', key, field, '-' .. ARGV[6])
    if fresh then
      redis.call('DEL', key)
    end
    return {0, math.max(capacity - used, 0), left, left}
  end
end
