-- Decides the requests of several callers in this order. Keys: one for each charge. Arguments: for each run of charges with
-- the same plan, its text and their number. The answer is a list of numbers: for an allowed charge, the units that remain
-- and the microseconds until there are more; for a refused one, the units that remain, encoded below -1, the same, and
-- the microseconds until it would pass. An error of a request is one text in place of its numbers.
local call, KEYS, ARGV = redis.call, KEYS, ARGV
local results, size, total = {}, 0, #KEYS
-- The last key decided, the number of results before it, and the number of its requests.
local last, mark, together = 0, 0, 1
-- The plan of each run, and its last key; and the last key of the current run.
local plans, ends, run, plan, over = {}, {}, 0, nil, 0
repeat
  run = run + 1
  -- A garbled number must not lead beyond the keys.
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
