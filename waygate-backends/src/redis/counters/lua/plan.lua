-- The plan of a charge is one text:
--   <kind>:<field>:<capacity>:<a>:<b>:<cost>:<whether a refusal counts>
-- Of a packed window, a and b are omitted, as its field has them. A plus at the end means that the next key belongs to
-- the same request.
local match, floor, min, max = string.match, math.floor, math.min, math.max
local plans = {}

-- The packing of a window of so many ms: its end, in ms modulo the first number, times the second, plus the usage,
-- which is less than half of the second. One command adds to the usage and returns both. The end is never 0, so that a
-- number below the second has none yet.
local function packing(period)
  local _, bits = math.frexp(period)
  local modulus = 2 ^ (bits + 1)
  return modulus, 2 ^ 53 / modulus
end

-- The packed end of a window.
local function endsAt(plan, milliseconds)
  return max(milliseconds % plan.modulus, 1) * plan.scale
end

local function planOf(text)
  local plan = plans[text]
  if plan then
    return plan
  end
  local kind, a, modulus, scale = 'W', nil, nil, nil
  local field, b, capacity, cost, enforced, more = match(text, '^W:(w(%d+)):(%d+):(%-?%d+):(%d)(%+?)$')
  if field then
    a, modulus, scale = b * 1000, packing(b)
  else
    kind, field, capacity, a, b, cost, enforced, more =
      match(text, '^(%u):(%w+):(%d+):(%d+):(%d+):(%-?%d+):(%d)(%+?)$')
    if not kind or kind == 'W' then
      error('this is no plan: ' .. text)
    end
  end
  plan = {
    kind = kind,
    field = field,
    capacity = tonumber(capacity),
    a = tonumber(a),
    b = tonumber(b),
    modulus = modulus,
    scale = scale,
    milliseconds = b,
    cost = tonumber(cost),
    units = cost,
    enforced = enforced == '1',
    more = more ~= '',
  }
  plans[text] = plan
  return plan
end

-- In microseconds, and constant during a call.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
