local real, microseconds = redis, tonumber(ARGV[#ARGV])
local milliseconds = math.floor(microseconds / 1000)
local redis = {}
function redis.call(name, key, ...)
  if name == 'TIME' then
    return {string.format('%.0f', math.floor(microseconds / 1000000)), string.format('%.0f', microseconds % 1000000)}
  end
  local over = 'over:' .. key
  local expiry = tonumber(real.call('GET', over) or nil)
  if expiry and milliseconds > expiry then
    real.call('DEL', key, over)
    expiry = nil
  end
  if name == 'PTTL' then
    return real.call('EXISTS', key) == 0 and -2 or expiry and expiry - milliseconds or -1
  elseif name == 'PEXPIRE' then
    return real.call('SET', over, string.format('%.0f', milliseconds + ...))
  elseif name == 'DEL' then
    real.call('DEL', over)
  end
  return real.call(name, key, ...)
end
