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

local function decide(charge, cost)
  local allowed, remaining, reset, retry = KINDS[charge.kind].decide(charge, cost)
  if not allowed and cost <= charge.capacity then
    reset = max(reset, retry)
  end
  return allowed, max(remaining, 0), reset, allowed and 0 or retry
end

-- A request with one charge.
local function one(key)
  local charge = plan
  charge.key = key
  load(charge)
  local allowed, remaining, reset, retry = decide(charge, charge.cost)
  if charge.cost > 0 and (allowed or charge.settles) then
    save(charge)
  end
  report(remaining, reset, retry)
end

-- A request with several charges, all or nothing.
local function several(first, plans)
  local charges, charged = {}, true
  -- For a counter that is named more than once, the total cost, and the last charge.
  local asked, final = {}, {}
  for i, plan in ipairs(plans) do
    local charge, key = {}, KEYS[first + i - 1]
    for name, value in pairs(plan) do
      charge[name] = value
    end
    charge.key = key
    load(charge)
    local cost = (asked[key] or 0) + charge.cost
    charge.allowed, charge.remaining, charge.reset, charge.retry = decide(charge, cost)
    if charge.allowed then
      asked[key], final[key] = cost, i
    end
    charged = charged and (charge.allowed or not charge.enforced)
    charges[i] = charge
  end
  for i, charge in ipairs(charges) do
    if charged and final[charge.key] == i and asked[charge.key] > 0 then
      save(charge)
    elseif charge.settles and charge.cost > 0 and not charge.allowed and not asked[charge.key] then
      asked[charge.key] = 0
      save(charge)
    elseif charge.allowed and not charged then
      charge.allowed, charge.remaining, charge.reset = decide(charge, 0)
    end
  end
  for _, charge in ipairs(charges) do
    report(charge.remaining, charge.reset, charge.retry)
  end
end
