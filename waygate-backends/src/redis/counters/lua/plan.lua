-- What is asked of a key is one text:
--   <kind>:<field>:<capacity>:<a>:<b>:<cost>:<whether a refusal counts>
-- with a plus at the end if the next key belongs to the same request.
local PLAN = '^(%u):(%w+):(%d+):(%d+):(%d+):(%-?)(%d+):([01])(%+?)$'
local plans = {}

local function planOf(text)
  local plan = plans[text]
  if not plan then
    local kind, field, capacity, a, b, sign, cost, enforced, more = string.match(text, PLAN)
    if not kind then
      error('this is no plan: ' .. text)
    end
    plan = {
      kind = kind,
      window = kind == 'F',
      field = field,
      capacity = tonumber(capacity),
      a = tonumber(a),
      b = tonumber(b),
      milliseconds = b,
      cost = tonumber(sign .. cost),
      units = cost,
      enforced = enforced == '1',
      more = more == '+',
      key = false,
      changed = false,
      inherited = false,
      after = 0,
      left = 0,
    }
    plans[text] = plan
  end
  return plan
end
