-- Each algorithm reads the usage of a key, decides on a cost, and stores the result.
local KINDS = {}

-- The usage of a window after a refund of units that were taken from one that ends in `taken.left`. Two windows end at
-- least a length apart, unless the earlier one was reset.
local function givenBack(take, units, taken, left, length)
  local apart = left - taken.left
  local same = taken.left > 0 and max(apart, -apart) < length / 2
  return same and max(take.used - units, 0) or take.used
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
    -- A rule with another capacity may have allowed a debt beyond the depth.
    take.owed = take.debt
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
    local after = max(take.owed - units * take.a, 0)
    take.after = units < 0 and max(min(after, take.depth), take.owed) or after
  end,
  -- Tokens come back in the order in which they were taken.
  giveBack = function(take, units, taken)
    take.after = max(take.owed - min(units * take.a, max(taken.left, 0) * take.b), 0)
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
