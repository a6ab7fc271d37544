-- Each algorithm reads the usage of a key, decides on a cost, and stores the result.
local KINDS = {}

-- The usage of a window after a refund of units that were taken from one that ends in `taken.left`. Two windows end at
-- least a length apart, unless the earlier one was reset.
local function refunded(charge, units, taken, left, length)
  local apart = left - taken.left
  local same = taken.left > 0 and max(apart, -apart) < length / 2
  return same and max(charge.used - units, 0) or charge.used
end

-- Fixed windows. a: the period.
KINDS.F = {
  load = function(charge, value, used, start)
    charge.left = charge.a
    if value then
      local left = call('PTTL', charge.key)
      -- A window is over in its last millisecond.
      charge.used = left ~= 0 and tonumber(value) or 0
      charge.left = left <= 0 and charge.a or left * 1000
    elseif start then
      local over = max(now - start, 0)
      charge.used = over < charge.a and used or 0
      charge.left = over < charge.a and charge.a - over or charge.a
    else
      charge.used = used
    end
  end,
  decide = function(charge, cost)
    local after, left = charge.used + cost, max(min(charge.left, charge.a), 1)
    local allowed = after <= charge.capacity
    charge.after = allowed and after or charge.used
    return allowed, charge.capacity - charge.after, left, allowed and 0 or left
  end,
  save = function(charge)
    call('HSET', charge.key, charge.field, text(charge.after))
    expire(charge.key, charge.left)
  end,
  adjust = function(charge, units)
    charge.after = max(charge.used - units, 0)
  end,
  refund = function(charge, units, taken)
    charge.after = refunded(charge, units, taken, charge.left, charge.a)
  end,
}

-- The same, packed. b: the period, in ms.
KINDS.W = {
  load = function(charge, value, used, start)
    KINDS.F.load(charge, value and value % charge.scale, used, start)
  end,
  decide = KINDS.F.decide,
  save = function(charge)
    local left = max(ceil(charge.left / 1000), 1)
    call('HSET', charge.key, charge.field, text(endsAt(charge, floor(now / 1000) + left) + charge.after))
    call('PEXPIRE', charge.key, left)
  end,
  adjust = function(charge, units)
    charge.after = min(max(charge.used - units, 0), charge.scale / 2 - 1)
  end,
  refund = KINDS.F.refund,
}

-- Calendar windows. a: the start; b: the end.
KINDS.C = {
  load = function(charge, value, used, start)
    charge.begun, charge.over = charge.a, charge.b
    if value then
      local list = numbers(value)
      used, start = list[2], list[1]
      -- A process whose clock is ahead may have started the next window.
      charge.begun, charge.over = max(start, charge.a), max(list[3], charge.b)
    end
    charge.used = (not start or start >= charge.a) and used or 0
  end,
  decide = function(charge, cost)
    local after, left = charge.used + cost, max(min(charge.b - now, charge.b - charge.a), 1)
    local allowed = after <= charge.capacity
    charge.after = allowed and after or charge.used
    return allowed, charge.capacity - charge.after, left, allowed and 0 or left
  end,
  save = function(charge)
    local value = text(charge.begun) .. ':' .. text(charge.after) .. ':' .. text(charge.over)
    call('HSET', charge.key, charge.field, value)
    expire(charge.key, max(charge.over - now, 0) + GRACE)
  end,
  adjust = KINDS.F.adjust,
  refund = function(charge, units, taken)
    charge.after = refunded(charge, units, taken, charge.over - now, charge.over - charge.begun)
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
local function waitUntil(charge, used, current, target)
  if used <= target then
    return 0
  end
  local wait
  if target >= current then
    wait = elapses(charge.length, charge.previous, target - current) - charge.elapsed
  else
    wait = max(charge.length - charge.elapsed, 0) + elapses(charge.length, current, target)
  end
  return min(max(wait, 1), 2 * charge.length)
end

-- Sliding windows. a: the period, in seconds.
KINDS.S = {
  load = function(charge, value, used)
    local seconds = floor(now / 1000000)
    charge.start, charge.length = seconds - seconds % charge.a, charge.a * 1000000
    charge.elapsed = now - charge.start * 1000000
    charge.previous, charge.current = 0, used
    if value then
      charge.previous, charge.current = slots(numbers(value), charge.a, charge.start)
    end
  end,
  decide = function(charge, cost)
    local before = share(charge.previous, max(charge.length - charge.elapsed, 0), charge.length) + charge.current
    local after = before + cost
    local allowed = after <= charge.capacity
    local used = allowed and after or before
    charge.after = allowed and charge.current + cost or charge.current
    -- Of what is used beyond the capacity, none comes back.
    local more, retry = max(min(used, charge.capacity) - 1, 0), 0
    local reset = waitUntil(charge, used, charge.after, more)
    if not allowed and cost > charge.capacity then
      retry = charge.length
    elseif not allowed then
      retry = max(waitUntil(charge, used, charge.current, charge.capacity - cost), 1)
    end
    return allowed, charge.capacity - used, reset, retry
  end,
  save = function(charge)
    local value = text(charge.start) .. ':' .. text(charge.previous) .. ':' .. text(charge.after)
    call('HSET', charge.key, charge.field, value)
    expire(charge.key, 2 * charge.length - charge.elapsed)
  end,
  adjust = function(charge, units)
    charge.after = min(max(charge.current - units, 0), 4294967295)
  end,
  refund = function(charge, units, taken)
    -- If it may be either of two slots, the older one, which fades sooner.
    local seconds = floor((taken.at - SLACK) / 1000000)
    local gap = charge.start - (seconds - seconds % charge.a)
    charge.after = charge.current
    if gap <= 0 then
      charge.after = max(charge.current - units, 0)
    elseif gap == charge.a then
      charge.previous = max(charge.previous - units, 0)
    end
  end,
}

-- Token buckets. a: the emission; b: its units in a microsecond.
KINDS.B = {
  load = function(charge, value, used)
    charge.depth = charge.capacity * charge.a
    charge.debt = used * charge.a
    if value then
      local list = numbers(value)
      charge.debt = max(list[2] - (now - list[1]) * charge.b, 0)
      charge.settles = charge.debt > charge.depth
    end
    -- A rule with another capacity may have allowed a debt beyond the depth.
    charge.owed = charge.debt
    charge.debt = min(charge.debt, charge.depth)
  end,
  decide = function(charge, cost)
    local price = cost * charge.a
    local allowed = cost <= charge.capacity and charge.debt <= charge.depth - price
    charge.after = allowed and charge.debt + price or charge.debt
    local remaining, reset = floor((charge.depth - charge.after) / charge.a), ceil(charge.after / charge.b)
    if allowed then
      return true, remaining, reset, 0
    end
    local wait = max(min(charge.debt + price - charge.depth, charge.depth), 1)
    return false, remaining, reset, ceil(wait / charge.b)
  end,
  save = function(charge)
    call('HSET', charge.key, charge.field, text(now) .. ':' .. text(charge.after))
    expire(charge.key, charge.after / charge.b)
  end,
  adjust = function(charge, units)
    local after = max(charge.owed - units * charge.a, 0)
    charge.after = units < 0 and max(min(after, charge.depth), charge.owed) or after
  end,
  -- Tokens come back in the order in which they were taken.
  refund = function(charge, units, taken)
    charge.after = max(charge.owed - min(units * charge.a, max(taken.left, 0) * charge.b), 0)
  end,
}

-- The time until a log has `target` or less left of its usage with this charge.
local function goneAt(charge, target)
  local log, at = charge.log, now
  local used, index, hit = log.used + charge.added, log.first, log.front
  while hit and used > target do
    used, at, index = used - hit[2], hit[1], index + 1
    hit = index <= log.last and numbers(call('HGET', charge.key, index))
  end
  -- It still counts at the edge of the window.
  return max((used > target and now or at) + charge.a - now + 1, 1)
end

-- Moving logs. a: the period.
KINDS.M = {
  load = function(charge, value, used)
    if value then
      charge.log = logOf(value)
      trim(charge.key, charge.log, charge.a)
      charge.settles = charge.log.used > 0 and charge.log.period ~= charge.a
    else
      charge.log = {first = 1, last = 0, used = 0}
      if used > 0 then
        charge.inherited, charge.log.used, charge.log.front = used, used, {now, used}
      end
    end
  end,
  decide = function(charge, cost)
    local log = charge.log
    local allowed = log.used + cost <= charge.capacity
    charge.added = allowed and cost or 0
    local used, reset, retry = log.used + charge.added, charge.a, 0
    if used > 0 then
      -- Of what is used beyond the capacity, none comes back.
      reset = goneAt(charge, max(min(used, charge.capacity) - 1, 0))
    end
    if not allowed then
      retry = cost > charge.capacity and charge.a or goneAt(charge, charge.capacity - cost)
    end
    return allowed, charge.capacity - used, reset, retry
  end,
  save = function(charge)
    local log = charge.log
    local function push(cost)
      log.last = log.last + 1
      call('HSET', charge.key, log.last, text(now) .. ':' .. text(cost))
    end
    if charge.inherited then
      push(charge.inherited)
    end
    if charge.added > 0 then
      push(charge.added)
      log.used = log.used + charge.added
    end
    if log.last < log.first then
      call('DEL', charge.key)
      return
    end
    log.period = charge.a
    saveLog(charge.key, log)
    expire(charge.key, charge.a)
  end,
  -- Newest first.
  adjust = function(charge, units)
    local log = charge.log
    if charge.inherited and units > 0 then
      local given = min(charge.inherited, units)
      log.used, charge.inherited = log.used - given, charge.inherited - given
      charge.inherited = charge.inherited > 0 and charge.inherited or nil
    end
    while units > 0 and log.last >= log.first do
      local hit = numbers(call('HGET', charge.key, log.last))
      local given = min(hit[2], units)
      units, log.used = units - given, log.used - given
      if given == hit[2] then
        call('HDEL', charge.key, log.last)
        log.last = log.last - 1
      else
        call('HSET', charge.key, log.last, text(hit[1]) .. ':' .. text(hit[2] - given))
      end
    end
    charge.added = max(-units, 0)
  end,
  -- What was taken later keeps counting.
  refund = function(charge, units, taken)
    local log, index = charge.log, charge.log.last
    charge.added = 0
    while units > 0 and index >= log.first do
      local hit = numbers(call('HGET', charge.key, index))
      local given = hit[1] <= taken.at + SLACK and min(hit[2], units) or 0
      units, log.used = units - given, log.used - given
      if given > 0 and given == hit[2] then
        for later = index + 1, log.last do
          call('HSET', charge.key, later - 1, call('HGET', charge.key, later))
        end
        call('HDEL', charge.key, log.last)
        log.last = log.last - 1
      elseif given > 0 then
        call('HSET', charge.key, index, text(hit[1]) .. ':' .. text(hit[2] - given))
      end
      index = index - 1
    end
  end,
}
