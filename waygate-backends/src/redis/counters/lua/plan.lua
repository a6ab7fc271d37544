-- What is asked of a key is one text:
--   <kind>:<field>:<capacity>:<a>:<b>:<cost>:<whether a refusal counts>
-- of a packed window without a and b, which its field tells; with a plus at the end if the next key belongs to the same
-- request.
local match, floor, min, max = string.match, math.floor, math.min, math.max
local plans = {}

-- How a window of so many ms is packed: its end, in ms and modulo the first number, times the second, and what is used,
-- which is less than half of the second. One command adds to that and tells all of it. The end is never 0, so that
-- whatever is less than the second has none yet.
local function packing(period)
  local _, bits = math.frexp(period)
  local modulus = 2 ^ (bits + 1)
  return modulus, 2 ^ 53 / modulus
end

-- What stands for the end of a window.
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

-- In microseconds, and the same for all that one call does.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
