-- Requests of callers that do not know of one another, decided in this order: for each take a key; and for each run of
-- takes with the same plan its text, and how many they are. The answer is a list of numbers: for a take that is allowed,
-- what remains, and in how many microseconds there is more; for one that is refused, what remains below -1, the same,
-- and in how many microseconds it would pass. What goes wrong with a request is one text in place of its numbers.
local call, KEYS, ARGV = redis.call, KEYS, ARGV
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
  while last >= over do
    run = run + 1
    plan, over = plans[run], ends[run]
  end
end
