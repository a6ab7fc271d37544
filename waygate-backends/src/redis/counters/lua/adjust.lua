-- Refunds or charges units. A key, and a plan whose cost is the number of units to refund; below zero they are charged.
local take = planOf(ARGV[1])
take.key = KEYS[1]
load(take)
KINDS[take.kind].adjust(take, take.cost)
if take.cost < 0 or call('EXISTS', take.key) == 1 then
  save(take)
end
return 1
