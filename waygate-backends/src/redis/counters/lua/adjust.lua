-- Refunds or charges units. A key, and a plan whose cost is the number of units to refund; below zero they are charged.
-- A key that another rule has counted gets no refund, and is charged by that rule.
local own = planOf(ARGV[1])
own.key = KEYS[1]
local units, charge = own.cost, asCounted(own)
if units < 0 or charge == own then
  load(charge)
  KINDS[charge.kind].adjust(charge, units)
  if units < 0 or call('EXISTS', charge.key) == 1 then
    save(charge)
  end
end
return 1
