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

local KINDS = {}

-- The usage of a window after a refund of units that were taken from one that ends in `taken.left`. Two windows end at
-- least a length apart.
local function givenBack(take, units, taken, left, length)
  local apart = left - taken.left
  return max(apart, -apart) < length / 2 and max(take.used - units, 0) or take.used
end

-- Fixed windows. a: the period.
KINDS.F = {
  load = function(take, value, used, start)
    take.left = take.a
    if value then
      local left = call('PTTL', take.key)
      -- A window is over in its last millisecond.
      take.used = left ~= 0 and tonumber(value) or 0
      take.left = left <= 0 and take.a or left * 1000
    elseif start then
      local over = max(now - start, 0)
      take.used = over < take.a and used or 0
      take.left = over < take.a and take.a - over or take.a
    else
      take.used = used
    end
  end,
  decide = function(take, cost)
    local after, left = take.used + cost, max(min(take.left, take.a), 1)
    local allowed = after <= take.capacity
    take.after = allowed and after or take.used
    return allowed, take.capacity - take.after, left, allowed and 0 or left
  end,
  save = function(take)
    call('HSET', take.key, take.field, text(take.after))
    expire(take.key, take.left)
  end,
  adjust = function(take, units)
    take.after = max(take.used - units, 0)
  end,
  giveBack = function(take, units, taken)
    take.after = givenBack(take, units, taken, take.left, take.a)
  end,
}

-- The same, packed. b: the period, in ms.
KINDS.W = {
  load = function(take, value, used, start)
    KINDS.F.load(take, value and value % take.scale, used, start)
  end,
  decide = KINDS.F.decide,
  save = function(take)
    local left = max(ceil(take.left / 1000), 1)
    call('HSET', take.key, take.field, text(endsAt(take, floor(now / 1000) + left) + take.after))
    call('PEXPIRE', take.key, left)
  end,
  adjust = function(take, units)
    take.after = min(max(take.used - units, 0), take.scale / 2 - 1)
  end,
  giveBack = KINDS.F.giveBack,
}

-- Calendar windows. a: the start; b: the end.
KINDS.C = {
  load = function(take, value, used, start)
    take.begun, take.over = take.a, take.b
    if value then
      local list = numbers(value)
      used, start = list[2], list[1]
      -- A process whose clock is ahead may have started the next window.
      take.begun, take.over = max(start, take.a), max(list[3], take.b)
    end
    take.used = (not start or start >= take.a) and used or 0
  end,
  decide = function(take, cost)
    local after, left = take.used + cost, max(min(take.b - now, take.b - take.a), 1)
    local allowed = after <= take.capacity
    take.after = allowed and after or take.used
    return allowed, take.capacity - take.after, left, allowed and 0 or left
  end,
  save = function(take)
    local value = text(take.begun) .. ':' .. text(take.after) .. ':' .. text(take.over)
    call('HSET', take.key, take.field, value)
    expire(take.key, max(take.over - now, 0) + GRACE)
  end,
  adjust = KINDS.F.adjust,
  giveBack = function(take, units, taken)
    take.after = givenBack(take, units, taken, take.over - now, take.over - take.begun)
  end,
}

-- The part of a slot after which `counter`, weighted, is `target` or less.
local function elapses(length, counter, target)
  counter = max(counter, 1)
  local kept = length * (target + 1) / counter
  local whole = floor(kept)
  local elapsed = min(max(length - whole, 0) + (kept == whole and 1 or 0), length)
  -- A quotient of large numbers may be off by a little.
  while elapsed < length and share(counter, length - elapsed, length) > target do
    elapsed = elapsed + 1
  end
  return elapsed
end

-- The time until the weighted sum is `target` or less.
local function waitUntil(take, used, current, target)
  if used <= target then
    return 0
  end
  local wait
  if target >= current then
    wait = elapses(take.length, take.previous, target - current) - take.elapsed
  else
    wait = max(take.length - take.elapsed, 0) + elapses(take.length, current, target)
  end
  return min(max(wait, 1), 2 * take.length)
end

-- Sliding windows. a: the period, in seconds.
KINDS.S = {
  load = function(take, value, used)
    local seconds = floor(now / 1000000)
    take.start, take.length = seconds - seconds % take.a, take.a * 1000000
    take.elapsed = now - take.start * 1000000
    take.previous, take.current = 0, used
    if value then
      take.previous, take.current = slots(numbers(value), take.a, take.start)
    end
  end,
  decide = function(take, cost)
    local before = share(take.previous, max(take.length - take.elapsed, 0), take.length) + take.current
    local after = before + cost
    local allowed = after <= take.capacity
    local used = allowed and after or before
    take.after = allowed and take.current + cost or take.current
    -- Of what is used beyond the capacity, none comes back.
    local more, retry = max(min(used, take.capacity) - 1, 0), 0
    local reset = waitUntil(take, used, take.after, more)
    if not allowed and cost > take.capacity then
      retry = take.length
    elseif not allowed then
      retry = max(waitUntil(take, used, take.current, take.capacity - cost), 1)
    end
    return allowed, take.capacity - used, reset, retry
  end,
  save = function(take)
    local value = text(take.start) .. ':' .. text(take.previous) .. ':' .. text(take.after)
    call('HSET', take.key, take.field, value)
    expire(take.key, 2 * take.length - take.elapsed)
  end,
  adjust = function(take, units)
    take.after = min(max(take.current - units, 0), 4294967295)
  end,
  giveBack = function(take, units, taken)
    -- If it may be either of two slots, the older one, which fades sooner.
    local seconds = floor((taken.at - SLACK) / 1000000)
    local gap = take.start - (seconds - seconds % take.a)
    take.after = take.current
    if gap <= 0 then
      take.after = max(take.current - units, 0)
    elseif gap == take.a then
      take.previous = max(take.previous - units, 0)
    end
  end,
}

-- Token buckets. a: the emission; b: its units in a microsecond.
KINDS.B = {
  load = function(take, value, used)
    take.depth = take.capacity * take.a
    take.debt = used * take.a
    if value then
      local list = numbers(value)
      take.debt = max(list[2] - (now - list[1]) * take.b, 0)
      take.settles = take.debt > take.depth
    end
    take.debt = min(take.debt, take.depth)
  end,
  decide = function(take, cost)
    local price = cost * take.a
    local allowed = cost <= take.capacity and take.debt <= take.depth - price
    take.after = allowed and take.debt + price or take.debt
    local remaining, reset = floor((take.depth - take.after) / take.a), ceil(take.after / take.b)
    if allowed then
      return true, remaining, reset, 0
    end
    local wait = max(min(take.debt + price - take.depth, take.depth), 1)
    return false, remaining, reset, ceil(wait / take.b)
  end,
  save = function(take)
    call('HSET', take.key, take.field, text(now) .. ':' .. text(take.after))
    expire(take.key, take.after / take.b)
  end,
  adjust = function(take, units)
    take.after = min(max(take.debt - units * take.a, 0), take.depth)
  end,
  -- Tokens come back in the order in which they were taken.
  giveBack = function(take, units, taken)
    take.after = max(take.debt - min(units * take.a, max(taken.left, 0) * take.b), 0)
  end,
}

-- The time until a log has `target` or less left of its usage with this charge.
local function goneAt(take, target)
  local log, at = take.log, now
  local used, index, hit = log.used + take.charge, log.first, log.front
  while hit and used > target do
    used, at, index = used - hit[2], hit[1], index + 1
    hit = index <= log.last and numbers(call('HGET', take.key, index))
  end
  -- It still counts at the edge of the window.
  return max((used > target and now or at) + take.a - now + 1, 1)
end

-- Moving logs. a: the period.
KINDS.M = {
  load = function(take, value, used)
    if value then
      take.log = logOf(value)
      trim(take.key, take.log, take.a)
      take.settles = take.log.used > 0 and take.log.period ~= take.a
    else
      take.log = {first = 1, last = 0, used = 0}
      if used > 0 then
        take.inherited, take.log.used, take.log.front = used, used, {now, used}
      end
    end
  end,
  decide = function(take, cost)
    local log = take.log
    local allowed = log.used + cost <= take.capacity
    take.charge = allowed and cost or 0
    local used, reset, retry = log.used + take.charge, take.a, 0
    if used > 0 then
      -- Of what is used beyond the capacity, none comes back.
      reset = goneAt(take, max(min(used, take.capacity) - 1, 0))
    end
    if not allowed then
      retry = cost > take.capacity and take.a or goneAt(take, take.capacity - cost)
    end
    return allowed, take.capacity - used, reset, retry
  end,
  save = function(take)
    local log = take.log
    local function push(cost)
      log.last = log.last + 1
      call('HSET', take.key, log.last, text(now) .. ':' .. text(cost))
    end
    if take.inherited then
      push(take.inherited)
    end
    if take.charge > 0 then
      push(take.charge)
      log.used = log.used + take.charge
    end
    if log.last < log.first then
      call('DEL', take.key)
      return
    end
    log.period = take.a
    saveLog(take.key, log)
    expire(take.key, take.a)
  end,
  -- Newest first.
  adjust = function(take, units)
    local log = take.log
    if take.inherited and units > 0 then
      local given = min(take.inherited, units)
      log.used, take.inherited = log.used - given, take.inherited - given
      take.inherited = take.inherited > 0 and take.inherited or nil
    end
    while units > 0 and log.last >= log.first do
      local hit = numbers(call('HGET', take.key, log.last))
      local given = min(hit[2], units)
      units, log.used = units - given, log.used - given
      if given == hit[2] then
        call('HDEL', take.key, log.last)
        log.last = log.last - 1
      else
        call('HSET', take.key, log.last, text(hit[1]) .. ':' .. text(hit[2] - given))
      end
    end
    take.charge = max(-units, 0)
  end,
  -- What was taken later keeps counting.
  giveBack = function(take, units, taken)
    local log, index = take.log, take.log.last
    take.charge = 0
    while units > 0 and index >= log.first do
      local hit = numbers(call('HGET', take.key, index))
      local given = hit[1] <= taken.at + SLACK and min(hit[2], units) or 0
      units, log.used = units - given, log.used - given
      if given > 0 and given == hit[2] then
        for later = index + 1, log.last do
          call('HSET', take.key, later - 1, call('HGET', take.key, later))
        end
        call('HDEL', take.key, log.last)
        log.last = log.last - 1
      elseif given > 0 then
        call('HSET', take.key, index, text(hit[1]) .. ':' .. text(hit[2] - given))
      end
      index = index - 1
    end
  end,
}

-- Reads the usage of the key of a take.
local function load(take)
  local value, used, start = call('HGET', take.key, take.field), 0, nil
  take.changed, take.settles, take.inherited = false, false, nil
  if not value and call('EXISTS', take.key) == 1 then
    take.changed = true
    -- What cannot be read, such as a garbled field, counts as nothing.
    local known, before, since = pcall(consumed, take.key)
    if known then
      used, start = before, since
    end
    -- A refusal announces a wait by this rule, so it must store what another rule has counted.
    take.settles = used > 0
  end
  KINDS[take.kind].load(take, value, used, start)
end

local function save(take)
  if take.changed then
    call('DEL', take.key)
  end
  KINDS[take.kind].save(take)
end
