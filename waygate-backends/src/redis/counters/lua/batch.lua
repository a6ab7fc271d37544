-- Requests of callers that do not know of one another, decided in this order: for each take a key; and for each run of
-- takes with the same plan its text, and how many they are. The answer is a list of numbers: for a take that is allowed,
-- what remains, and in how many microseconds there is more; for one that is refused, what remains below -1, the same,
-- and in how many microseconds it would pass. What goes wrong with a request is one text in place of its numbers.
local call, KEYS, ARGV = redis.call, KEYS, ARGV
local format, ceil = string.format, math.ceil
local results, size, total = {}, 0, #KEYS
-- The last key of what is looked at, how many results there are before it, and how many requests it is.
local last, mark, together = 0, 0, 1
-- The plan of each run, and its last key; and where the last key of the request is.
local plans, ends, run, plan, over = {}, {}, 0, nil, 0
repeat
  run = run + 1
  -- Whatever became of the number on its way here: never beyond the keys.
  over = min(over + tonumber(ARGV[run * 2]), total)
  plans[run], ends[run] = planOf(ARGV[run * 2 - 1]), over
until over >= total
run, over = 0, 0

local function step()
  if last == over then
    run = run + 1
    plan, over = plans[run], ends[run]
  end
end

-- In their order, so that the list stays one.
local function tell(remaining, reset, retry)
  if retry > 0 then
    results[size + 1] = -1 - remaining
    results[size + 2] = reset
    results[size + 3] = retry
    size = size + 3
  else
    results[size + 1] = remaining
    results[size + 2] = reset
    size = size + 2
  end
end

-- What the fast ways leave. What that needs is made for the first request.
local one, several
local function prepare()
  if not one then
    one, several = general(tell)
  end
end

local function other(key)
  prepare()
  one(key, plan)
end

-- Goes on to the next key, and all after it for which the same is asked, up to so many units.
local function advance(most)
  local key, first = KEYS[last + 1], last
  last, mark = last + 1, size
  while last < over and KEYS[last + 1] == key and (last - first + 1) * plan.cost <= most do
    last = last + 1
  end
  together = last - first
  return key, together
end

-- Goes back to the first of those, which needs more than a fast way can do.
local function alone(key)
  last, together = last - together + 1, 1
  other(key)
end

-- Fixed windows, which is what most policies are: one command for all who ask the same.
local function windows()
  local field, cost, units, capacity = plan.field, plan.cost, plan.units, plan.capacity
  local scale, clock = plan.scale, floor(time() / 1000)
  while last < over do
    local key, count = advance(scale / 2)
    local sum = cost * count
    local packed = call('HINCRBY', key, field, count == 1 and units or format('%.0f', sum))
    local fresh = packed < scale
    if fresh and call('HLEN', key) > 1 then
      -- The key was counted otherwise before.
      call('HDEL', key, field)
      alone(key)
    else
      local left = plan.period
      if fresh then
        call('HINCRBY', key, field, format('%.0f', endsAt(plan, clock + left)))
        call('PEXPIRE', key, plan.milliseconds)
      else
        left = endsIn(plan, packed, clock)
      end
      local used, passing = packed % scale, count
      local remaining = capacity - used + sum
      left = left * 1000
      if used > capacity then
        passing = max(floor(remaining / cost), 0)
        call('HINCRBY', key, field, format('%.0f', (passing - count) * cost))
        if fresh and passing == 0 then
          call('DEL', key)
        end
      end
      for _ = 1, passing do
        remaining = remaining - cost
        results[size + 1] = remaining
        results[size + 2] = left
        size = size + 2
      end
      for _ = passing + 1, count do
        tell(max(remaining, 0), left, left)
      end
    end
  end
end

-- Token buckets that have what is asked: three commands for all who ask the same, or four.
local function buckets()
  local field, a, b, price = plan.field, plan.a, plan.b, plan.cost * plan.a
  local depth, clock = plan.capacity * a, time()
  local bare = '^(%d+):(%d+)$'
  while last < over do
    local key, count = advance(math.huge)
    local value, debt = call('HGET', key, field), nil
    if value then
      local at, before = match(value, bare)
      debt = at and max(before - (clock - at) * b, 0)
    elseif call('EXISTS', key) == 0 then
      debt = 0
    end
    local passing = debt and min(floor((depth - debt) / price), count) or 0
    if passing > 0 then
      local after = debt + passing * price
      call('HSET', key, field, format('%.0f:%.0f', clock, after))
      call('PEXPIRE', key, format('%.0f', ceil(ceil(after / b) / 1000)))
      for at = 1, passing do
        after = debt + at * price
        tell(floor((depth - after) / a), ceil(after / b), 0)
      end
      -- The others need more than that.
      last = last - count + passing
    else
      alone(key)
    end
  end
end

-- A request with several takes.
local function group()
  local first, takes = last + 1, {}
  together = 1
  repeat
    step()
    last = last + 1
    takes[#takes + 1] = plan
  until not plan.more or last == total
  prepare()
  several(first, takes)
end

-- All that are left, until something goes wrong with one.
local function all()
  while last < total do
    step()
    mark = size
    if plan.more then
      group()
    elseif plan.kind == 'W' and plan.cost > 0 and plan.cost <= plan.scale / 2 then
      windows()
    elseif plan.kind == 'B' and plan.cost > 0 then
      buckets()
    else
      last, together = last + 1, 1
      other(KEYS[last])
    end
  end
end

while true do
  local done, problem = pcall(all)
  if done then
    return results
  end
  local what = type(problem) == 'table' and problem.err or tostring(problem)
  for at = mark + 1, max(size, mark + together) do
    results[at] = at <= mark + together and what or nil
  end
  size = mark + together
end
