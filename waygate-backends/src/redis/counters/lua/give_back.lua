-- Refunds units that were taken before, unless the key was reset or is counted by another rule since then. A key, and
-- that with the time of its reset; a plan whose cost is the number of units to refund; the microseconds since they were
-- taken; and those until the end of the wait that was announced, below zero if it is over.
local take, reset = planOf(ARGV[1]), tonumber(call('GET', KEYS[2]) or nil)
local taken = {at = now - tonumber(ARGV[2]), left = tonumber(ARGV[3])}
take.key = KEYS[1]
local counts = call('EXISTS', take.key) == 1 and not (reset and taken.at <= reset + SLACK)
if counts and asCounted(take) == take then
  load(take)
  KINDS[take.kind].giveBack(take, take.cost, taken)
  save(take)
end
return 1
