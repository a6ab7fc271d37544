-- Charges lost units again. A key, and the key with the units charged again since the loss; a plan with the units to
-- charge; the microseconds since they were used; the units that still count; and the microseconds until they expire, of
-- a fixed window its end.
local own = planOf(ARGV[1])
local age, still, left = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
own.key = KEYS[1]
local fresh, before = call('EXISTS', own.key) == 0, tonumber(call('GET', KEYS[2]) or nil)
if fresh and not before and match(own.kind, '[SBM]') then
  -- From then it fades as it would have.
  now = now - age
end
-- A counter that another rule has counted since then is charged by that rule.
local charge, units = asCounted(own), nil
load(charge)
if before then
  -- Already restored by a process that knew of less, or of as much.
  units = min(before - still, 0)
elseif fresh then
  units, before = own.cost, still
else
  -- Counted since then, or not lost.
  before = consumed(charge.key)
  units = min(before - still, 0)
end
if fresh and charge.left then
  charge.left = max(min(charge.left, left), 1)
end
if units < 0 then
  KINDS[charge.kind].adjust(charge, units)
  save(charge)
end
call('SET', KEYS[2], text(max(before, still)), 'PX', text(max(ceil(left / 1000), 1)))
return 1
