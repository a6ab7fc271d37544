-- The general way, created for the first request that needs it.
local one, others

-- The fast way of fixed windows, which most policies are: one command for all equal charges.
local function windows()
  local field, cost, units, capacity = plan.field, plan.cost, plan.units, plan.capacity
  local scale, modulus, period = plan.scale, plan.modulus, plan.b
  local most, milliseconds = scale / 2, floor(now / 1000)
  local keys, results = KEYS, results
  while last < over do
    local first, at, key = last, last + 1, keys[last + 1]
    mark = size
    while at < over and keys[at + 1] == key and (at - first + 1) * cost <= most do
      at = at + 1
    end
    last, together = at, at - first
    local count = at - first
    local sum = count * cost
    local packed = call('HINCRBY', key, field, count == 1 and units or sum)
    local fresh = packed < scale
    if fresh and call('HLEN', key) > 1 then
      -- Another rule has counted the key before.
      call('HDEL', key, field)
      last, together = first + 1, 1
      if not one then
        one, others = general()
      end
      one(key)
    else
      local left, used = period, packed % scale
      if not fresh then
        left = (floor(packed / scale) - milliseconds) % modulus
        if left == 0 or left > period then
          -- It is over, or the clock was set: the expiry decides.
          left = call('PTTL', key)
          fresh = left <= 0
          left = fresh and period or min(max(left, 1), period)
          if fresh then
            call('HSET', key, field, sum)
            used = sum
          end
        end
      end
      if fresh then
        -- The expiry first: a window must not be stored without one.
        call('PEXPIRE', key, plan.milliseconds)
        call('HINCRBY', key, field, endsAt(plan, milliseconds + left))
      end
      local remaining, passing, position = capacity - used + sum, count, mark
      left = left * 1000
      if used > capacity then
        passing = max(floor(remaining / cost), 0)
        call('HINCRBY', key, field, (passing - count) * cost)
        if fresh and passing == 0 then
          call('DEL', key)
        end
      end
      for _ = 1, passing do
        remaining = remaining - cost
        results[position + 1], results[position + 2] = remaining, left
        position = position + 2
      end
      for _ = passing + 1, count do
        results[position + 1], results[position + 2], results[position + 3] = -1 - max(remaining, 0), left, left
        position = position + 3
      end
      size = position
    end
  end
end
