-- What is asked of a key is one text:
--   <kind>:<field>:<capacity>:<a>:<b>:<cost>:<whether a refusal counts>
-- with a plus at the end if the next key belongs to the same request.
local PLAN = '^(%u):(%w+):(%d+):(%d+):(%d+):(%-?)(%d+):(%d)(%+?)$'
local match = string.match
local plans = {}

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
