-- Requests of callers that do not know of one another, in the order they came: for each take a key; and for each run of
-- takes with the same plan its text and how many they are. The answer is a list of numbers: for a take that is allowed,
-- what remains, and in how many microseconds there is more; for one that is refused, what remains below -1, the same,
-- and in how many microseconds it would pass. What goes wrong with a request is one text in place of its numbers.
local call, KEYS, ARGV = redis.call, KEYS, ARGV
local results, size, total = {}, 0, #KEYS
-- The request that is looked at, and where its results begin.
local first, last, mark = 0, 0, 0
-- The run that the last key is in, and up to which key it goes.
local run, over, plan = -1, 0, nil

local function tell(remaining, reset, retry)
  if retry > 0 then
    results[size + 1], results[size + 2], results[size + 3] = -1 - remaining, reset, retry
    size = size + 3
  else
    results[size + 1], results[size + 2] = remaining, reset
    size = size + 2
  end
end

local function advance()
  last = last + 1
  if last > over then
    run = run + 2
    over = over + tonumber(ARGV[run + 1])
    plan = planOf(ARGV[run])
  end
end

-- Made for the first request that needs it.
local one, several

local function all()
  while last < total do
    first, mark = last + 1, size
    advance()
    local key, units, cost = KEYS[first], plan.units, plan.cost
    if plan.more then
      local takes = {plan}
      while plan.more and last < total do
        advance()
        takes[#takes + 1] = plan
      end
      if not one then
        one, several = general(tell)
      end
      several(first, takes)
    elseif plan.window and cost > 0 then
      -- A fixed window, which is what most policies are: two commands.
      local used = call('HINCRBY', key, plan.field, units)
      local left = call('PTTL', key)
      local fresh = left < 0
      if used == cost and not fresh and call('HLEN', key) > 1 then
        -- The key was counted otherwise before.
        call('HDEL', key, plan.field)
        if not one then
          one, several = general(tell)
        end
        one(key, plan)
      else
        if fresh then
          left = plan.b
          call('PEXPIRE', key, plan.milliseconds)
        end
        left = left > 0 and left * 1000 or 1000
        if used <= plan.capacity then
          results[size + 1], results[size + 2] = plan.capacity - used, left
          size = size + 2
        else
          used = call('HINCRBY', key, plan.field, '-' .. units)
          if fresh then
            call('DEL', key)
          end
          tell(used < plan.capacity and plan.capacity - used or 0, left, left)
        end
      end
    else
      if not one then
        one, several = general(tell)
      end
      one(key, plan)
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
