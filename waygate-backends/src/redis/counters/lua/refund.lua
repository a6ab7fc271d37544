-- Refunds units that were taken before, unless the key was reset or is counted by another rule since then. A key, and
-- that with the time of its reset; a plan whose cost is the number of units to refund; the microseconds since they were
-- taken; and those until the end of the wait that was announced, below zero if it is over.
local charge, reset = planOf(ARGV[1]), tonumber(call('GET', KEYS[2]) or nil)
local taken = {at = now - tonumber(ARGV[2]), left = tonumber(ARGV[3])}
charge.key = KEYS[1]
local counts = call('EXISTS', charge.key) == 1 and not (reset and taken.at <= reset + SLACK)
if counts and asCounted(charge) == charge then
  load(charge)
  KINDS[charge.kind].refund(charge, charge.cost, taken)
  save(charge)
end
return 1
