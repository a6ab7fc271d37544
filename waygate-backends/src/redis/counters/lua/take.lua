-- Appends in order, so that the table stays an array.
local function report(remaining, reset, retry)
  if retry > 0 then
    results[size + 1] = -1 - remaining
    results[size + 2] = reset
    results[size + 3] = retry
    size = size + 3
  else
    results[size + 1] = remaining
    results[size + 2] = reset
    size = size + 2
  end
end

local function decide(take, cost)
  local allowed, remaining, reset, retry = KINDS[take.kind].decide(take, cost)
  if not allowed and cost <= take.capacity then
    reset = max(reset, retry)
  end
  return allowed, max(remaining, 0), reset, allowed and 0 or retry
end

-- A request with one take.
local function one(key)
  local take = plan
  take.key = key
  load(take)
  local allowed, remaining, reset, retry = decide(take, take.cost)
  if take.cost > 0 and (allowed or take.settles) then
    save(take)
  end
  report(remaining, reset, retry)
end

-- A request with several takes, all or nothing.
local function several(first, plans)
  local takes, charged = {}, true
  -- For a counter that is named more than once, the total cost, and the last take.
  local asked, final = {}, {}
  for i, plan in ipairs(plans) do
    local take, key = {}, KEYS[first + i - 1]
    for name, value in pairs(plan) do
      take[name] = value
    end
    take.key = key
    load(take)
    local cost = (asked[key] or 0) + take.cost
    take.allowed, take.remaining, take.reset, take.retry = decide(take, cost)
    if take.allowed then
      asked[key], final[key] = cost, i
    end
    charged = charged and (take.allowed or not take.enforced)
    takes[i] = take
  end
  for i, take in ipairs(takes) do
    if charged and final[take.key] == i and asked[take.key] > 0 then
      save(take)
    elseif take.settles and take.cost > 0 and not take.allowed and not asked[take.key] then
      asked[take.key] = 0
      save(take)
    elseif take.allowed and not charged then
      take.allowed, take.remaining, take.reset = decide(take, 0)
    end
  end
  for _, take in ipairs(takes) do
    report(take.remaining, take.reset, take.retry)
  end
end
