-- Token buckets with enough tokens: three or four commands for all equal charges.
local function buckets()
  local field, a, b, price = plan.field, plan.a, plan.b, plan.cost * plan.a
  local depth = plan.capacity * a
  local bare = '^(%d+):(%d+)$'
  while last < over do
    local first, key = last, KEYS[last + 1]
    last, mark = last + 1, size
    while last < over and KEYS[last + 1] == key do
      last = last + 1
    end
    together = last - first
    local value, debt = call('HGET', key, field), nil
    if value then
      local at, before = match(value, bare)
      debt = at and max(before - (now - at) * b, 0)
    elseif call('EXISTS', key) == 0 then
      debt = 0
    end
    local passing = debt and min(floor((depth - debt) / price), together) or 0
    if passing > 0 then
      local after = debt + passing * price
      call('HSET', key, field, text(now) .. ':' .. text(after))
      call('PEXPIRE', key, text(ceil(ceil(after / b) / 1000)))
      for at = 1, passing do
        after = debt + at * price
        report(floor((depth - after) / a), ceil(after / b), 0)
      end
      -- The others need more tokens than there are.
      last = first + passing
    else
      last, together = first + 1, 1
      one(key)
    end
  end
end

-- A request with several charges.
local function group()
  local first, charges = last + 1, {}
  together = 1
  repeat
    step()
    last = last + 1
    charges[#charges + 1] = plan
  until not plan.more or last == total
  several(first, charges)
end

local function others()
  if plan.more then
    group()
  elseif plan.kind == 'B' and plan.cost > 0 then
    buckets()
  else
    last, together = last + 1, 1
    one(KEYS[last])
  end
end

return one, others
