-- For each key, seven arguments: the kind of the rule, its field, the capacity, `a`, `b`, the cost, and whether a
-- refusal counts. For each key, four results: whether it is allowed, what remains, and in how many microseconds there
-- is more and the same request would pass.
local takes, results, charged = {}, {}, true
local function tell(i, allowed, remaining, reset, retry)
  local at = i * 4 - 3
  results[at], results[at + 1] = allowed and 1 or 0, max(remaining, 0)
  results[at + 2], results[at + 3] = reset, retry
end
-- What a counter that is named more than once is asked for in all, and by which take last.
local asked, last = {}, {}
for i, key in ipairs(KEYS) do
  local take = read(key, i * 7 - 6)
  local cost = (asked[key] or 0) + take.cost
  local allowed, remaining, reset, retry = take.kind.decide(take, cost)
  tell(i, allowed, remaining, reset, retry)
  if allowed then
    asked[key], last[key] = cost, i
  end
  take.allowed = allowed
  charged = charged and (allowed or not take.enforced)
  takes[i] = take
end
for i, take in ipairs(takes) do
  local saves = charged and last[take.key] == i and asked[take.key] > 0
  if saves then
    save(take)
  elseif take.allowed and not charged then
    local _, remaining, reset = take.kind.decide(take, 0)
    tell(i, true, remaining, reset, 0)
  end
end
return results
