-- Requests of callers that do not know of one another, in the order they came: for each take a key; and for each run of
-- takes with the same plan its text, and how many they are. The answer is a list of numbers: for a take that is allowed,
-- what remains, and in how many microseconds there is more; for one that is refused, what remains below -1, the same,
-- and in how many microseconds it would pass. What goes wrong with a request is one text in place of its numbers.
local call, KEYS, ARGV = redis.call, KEYS, ARGV
local results, size, total = {}, 0, #KEYS
-- The last key of the request that is looked at, and how many results there are before it.
local last, mark = 0, 0
-- The plan of each run, and its last key; and where the last key of the request is.
local plans, ends, run, plan, over = {}, {}, 0, nil, 0
repeat
  run = run + 1
  -- Whatever became of the number on its way here: never beyond the keys.
  over = math.min(over + tonumber(ARGV[run * 2]), total)
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

-- Fixed windows, which is what most policies are: two commands each.
local function windows()
  local field, units, cost, capacity = plan.field, plan.units, plan.cost, plan.capacity
  while last < over do
    last, mark = last + 1, size
    local key = KEYS[last]
    local used = call('HINCRBY', key, field, units)
    local left = call('PTTL', key)
    if left > 0 and used <= capacity and used ~= cost then
      size = mark + 2
      results[mark + 1] = capacity - used
      results[size] = left * 1000
    elseif used == cost and left >= 0 and call('HLEN', key) > 1 then
      -- The key was counted otherwise before.
      call('HDEL', key, field)
      other(key)
    else
      local fresh = left < 0
      if fresh then
        left = plan.b
        call('PEXPIRE', key, plan.milliseconds)
      end
      left = left > 0 and left * 1000 or 1000
      if used <= capacity then
        tell(capacity - used, left, 0)
      else
        used = call('HINCRBY', key, field, '-' .. units)
        if fresh then
          call('DEL', key)
        end
        tell(used < capacity and capacity - used or 0, left, left)
      end
    end
  end
end

-- Token buckets that have what is asked: three commands each, or four.
local function buckets()
  local field, a, b, price = plan.field, plan.a, plan.b, plan.cost * plan.a
  local depth, clock = plan.capacity * a, time()
  local format, floor, ceil, max = string.format, math.floor, math.ceil, math.max
  local bare = '^(%d+):(%d+)$'
  while last < over do
    last, mark = last + 1, size
    local key = KEYS[last]
    local value, after = call('HGET', key, field), nil
    if value then
      local at, debt = match(value, bare)
      after = at and max(debt - (clock - at) * b, 0) + price
    elseif call('EXISTS', key) == 0 then
      after = price
    end
    if after and after <= depth then
      call('HSET', key, field, format('%.0f:%.0f', clock, after))
      local wait = ceil(after / b)
      call('PEXPIRE', key, format('%.0f', ceil(wait / 1000)))
      size = mark + 2
      results[mark + 1] = floor((depth - after) / a)
      results[size] = wait
    else
      other(key)
    end
  end
end

-- A request with several takes.
local function group()
  local first, takes = last + 1, {}
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
    elseif plan.kind == 'F' and plan.cost > 0 then
      windows()
    elseif plan.kind == 'B' and plan.cost > 0 then
      buckets()
    else
      last = last + 1
      other(KEYS[last])
    end
  end
end

while true do
  local done, problem = pcall(all)
  if done then
    return results
  end
  for at = mark + 1, size do
    results[at] = nil
  end
  size = mark + 1
  results[size] = type(problem) == 'table' and problem.err or tostring(problem)
end
