-- Refunds or charges units. A key, and a plan whose cost is the number of units to refund; below zero they are charged.
-- A key that another rule has counted gets no refund, and is charged by that rule.
local own = planOf(ARGV[1])
own.key = KEYS[1]
local units, take = own.cost, asCounted(own)
if units < 0 or take == own then
  load(take)
  KINDS[take.kind].adjust(take, units)
  if units < 0 or call('EXISTS', take.key) == 1 then
    save(take)
  end
end
return 1
