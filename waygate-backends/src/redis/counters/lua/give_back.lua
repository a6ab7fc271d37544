-- A key; a text as for a take, whose cost is how many units are given back; how many microseconds ago they were taken; and
-- in how many microseconds from now the wait is over that was told then, below zero if it is.
local take = planOf(ARGV[1])
take.key = KEYS[1]
if call('EXISTS', take.key) == 1 then
  load(take)
  KINDS[take.kind].giveBack(take, take.cost, {at = now - tonumber(ARGV[2]), left = tonumber(ARGV[3])})
  save(take)
end
return 1
