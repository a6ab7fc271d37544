-- For each key, seven arguments: the kind of the rule, its field, the capacity, `a`, `b`, the cost, and whether a
-- refusal counts. For each key, four results: whether it is allowed, what remains, and in how many microseconds there
-- is more and the same request would pass.
local takes, results, charged = {}, {}, true
local function tell(i, allowed, remaining, reset, retry)
  local at = i * 4 - 3
  results[at], results[at + 1] = allowed and 1 or 0, max(remaining, 0)
  results[at + 2], results[at + 3] = reset, retry
end
for i, key in ipairs(KEYS) do
  local take = read(key, i * 7 - 6)
  local allowed, remaining, reset, retry = take.kind.decide(take, take.cost)
  tell(i, allowed, remaining, reset, retry)
  take.allowed = allowed
  charged = charged and (allowed or not take.enforced)
  takes[i] = take
end
for i, take in ipairs(takes) do
  if take.allowed and charged then
    if take.cost > 0 then
      save(take)
    end
  elseif take.allowed then
    local _, remaining, reset = take.kind.decide(take, 0)
    tell(i, true, remaining, reset, 0)
  end
  -- What has left a log by now has left it even when nothing is charged.
  if take.log and take.log.changed and not (take.allowed and charged and take.cost > 0) then
    take.charge = 0
    save(take)
  end
end
return results
