-- Seven arguments as for a take, whose cost is how many units are given back; below zero they are charged.
local take = read(KEYS[1], 1)
take.kind.adjust(take, take.cost)
if take.cost < 0 or call('EXISTS', take.key) == 1 then
  save(take)
end
return 1
