-- Refunds units that were taken before. A key; a plan whose cost is the number of units to refund; the microseconds
-- since they were taken; and those until the end of the wait that was announced, below zero if it is over.
local take = planOf(ARGV[1])
take.key = KEYS[1]
if call('EXISTS', take.key) == 1 then
  load(take)
  KINDS[take.kind].giveBack(take, take.cost, {at = now - tonumber(ARGV[2]), left = tonumber(ARGV[3])})
  save(take)
end
return 1
