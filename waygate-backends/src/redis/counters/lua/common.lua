-- The usage of a key is a hash that expires when it is no longer needed. One field names the algorithm:
--   w<period in ms>   end and used, packed
--   f<period in ms>   used                      a window that ends when the key expires
--   c                 start:used:end            a window of the calendar
--   s<period in s>    start:previous:current
--   b<emission><unit> at:debt                   the debt in units of ns or us
--   m                 first:last:used:period    and each request by its number: at:cost
-- All times are in microseconds, unless noted otherwise; they fit the 53 bits of a number.
local call, ceil = redis.call, math.ceil
local EXACT = 9007199254740992
-- A calendar window is kept beyond its end, since the caller's clock may be behind.
local GRACE = 60000000
-- The error of the time of a charge, since calls take different times.
local SLACK = 100000

local function text(number)
  return string.format('%.0f', number)
end

-- Up to four numbers.
local function numbers(value)
  local first, second, third, fourth = match(value, '^(%-?%d+):?(%-?%d*):?(%-?%d*):?(%-?%d*)$')
  return {tonumber(first), tonumber(second), tonumber(third), tonumber(fourth)}
end

local function expire(key, microseconds)
  call('PEXPIRE', key, text(max(ceil(microseconds / 1000), 1)))
end

-- floor(a * b / c) for b <= c, exactly.
local function share(a, b, c)
  if a * b <= EXACT then
    return floor(a * b / c)
  end
  local quotient, rest, bit = 0, 0, 2147483648
  while bit >= 1 do
    quotient, rest = quotient * 2, rest * 2
    if a >= bit then
      a, rest = a - bit, rest + b
    end
    while rest >= c do
      quotient, rest = quotient + 1, rest - c
    end
    bit = bit / 2
  end
  return quotient
end

local function logOf(value)
  local list = numbers(value)
  return {first = list[1], last = list[2], used = list[3], period = list[4]}
end

local function saveLog(key, log)
  local value = text(log.first) .. ':' .. text(log.last) .. ':' .. text(log.used) .. ':' .. text(log.period)
  call('HSET', key, 'm', value)
end

-- Removes the requests that have left the window.
local function trim(key, log, period)
  -- After the clock went back, nothing counts for longer than one window from now.
  for index = log.last, log.first, -1 do
    local hit = numbers(call('HGET', key, index))
    if hit[1] <= now then
      break
    end
    call('HSET', key, index, text(now) .. ':' .. text(hit[2]))
  end
  local first = log.first
  while log.first <= log.last do
    local hit = numbers(call('HGET', key, log.first))
    if hit[1] >= now - period then
      log.front = hit
      break
    end
    call('HDEL', key, log.first)
    log.first, log.used = log.first + 1, log.used - hit[2]
  end
  if log.first > first then
    saveLog(key, log)
  end
end

-- The usage of a sliding window in the slot that starts at `start`, and in the one before.
local function slots(list, period, start)
  local began, gap = list[1], start - list[1]
  if gap <= 0 then
    return list[2], list[3]
  elseif gap == period then
    return list[3], 0
  end
  return 0, 0
end

-- The usage counted by another rule, and, of a window, its start.
local function consumed(key)
  local fields = call('HGETALL', key)
  for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    local kind = string.sub(name, 1, 1)
    if kind == 'w' or kind == 'f' then
      local period, used, left = tonumber(string.sub(name, 2)), tonumber(value), call('PTTL', key)
      if kind == 'w' then
        local _, scale = packing(period)
        used = used % scale
      end
      if left == 0 then
        return 0
      end
      return used, now + (max(left, 0) - period) * 1000
    elseif kind == 'c' then
      local list = numbers(value)
      return now < list[3] and list[2] or 0, list[1]
    elseif kind == 's' then
      local period, list = tonumber(string.sub(name, 2)), numbers(value)
      local length, elapsed = period * 1000000, max(now - list[1] * 1000000, 0)
      if elapsed < length then
        return share(list[2], length - elapsed, length) + list[3]
      end
      return share(list[3], max(2 * length - elapsed, 0), length)
    elseif kind == 'b' then
      local list, unit = numbers(value), string.sub(name, -1)
      local emission = tonumber(string.sub(name, 2, -2))
      local debt = max(list[2] - (now - list[1]) * (unit == 'n' and 1000 or 1), 0)
      return ceil(debt / emission)
    elseif kind == 'm' then
      local oldest, used = now - logOf(value).period, 0
      for j = 1, #fields, 2 do
        local hit = fields[j] ~= 'm' and numbers(fields[j + 1])
        used = used + (hit and hit[1] >= oldest and hit[2] or 0)
      end
      return used
    end
  end
  return 0
end
