-- What is asked of a key is one text:
--   <kind>:<field>:<capacity>:<a>:<b>:<cost>:<whether a refusal counts>
-- with a plus at the end if the next key belongs to the same request.
local PLAN = '^(%u):(%w+):(%d+):(%d+):(%d+):(%-?)(%d+):(%d)(%+?)$'
local match, floor, min, max = string.match, math.floor, math.min, math.max
local plans = {}

-- Adds how a window of so many ms is packed: its end, in ms and modulo `modulus`, times `scale`, and what is used, which
-- is less than half of `scale`. One command adds to that and tells all of it. The end is never 0, so that whatever is
-- less than `scale` has none yet.
local function packing(plan, period)
  local _, bits = math.frexp(period)
  plan.period, plan.modulus = period, 2 ^ (bits + 1)
  plan.scale = 2 ^ 53 / plan.modulus
  return plan
end

-- What stands for the end of a window.
local function endsAt(plan, milliseconds)
  return max(milliseconds % plan.modulus, 1) * plan.scale
end

-- In how many ms a packed window ends.
local function endsIn(plan, packed, milliseconds)
  local left = (floor(packed / plan.scale) - milliseconds) % plan.modulus
  -- Half way round, it is not to come but over.
  return left < plan.modulus * 0.75 and max(min(left, plan.period), 1) or 1
end

local function planOf(text)
  local plan = plans[text]
  if plan then
    return plan
  end
  local kind, field, capacity, a, b, sign, units, enforced, more = match(text, PLAN)
  if not kind then
    error('this is no plan: ' .. text)
  end
  plan = {
    kind = kind,
    field = field,
    capacity = tonumber(capacity),
    a = tonumber(a),
    b = tonumber(b),
    milliseconds = b,
    cost = tonumber(sign .. units),
    units = units,
    enforced = enforced == '1',
    more = more ~= '',
  }
  if kind == 'W' then
    packing(plan, plan.b)
  end
  plans[text] = plan
  return plan
end

-- In microseconds, and the same for all that one call does.
local now
local function time()
  if not now then
    local clock = redis.call('TIME')
    now = clock[1] * 1000000 + clock[2]
  end
  return now
end
