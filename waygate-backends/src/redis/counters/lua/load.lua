-- Reads the usage of the key of a charge.
local function load(charge)
  local value, used, start = call('HGET', charge.key, charge.field), 0, nil
  charge.changed, charge.settles, charge.inherited = false, false, nil
  if not value and call('EXISTS', charge.key) == 1 then
    charge.changed = true
    -- What cannot be read, such as a garbled field, counts as nothing.
    local known, before, since = pcall(consumed, charge.key)
    if known then
      used, start = before, since
    end
    -- A refusal announces a wait by this rule, so it must store what another rule has counted.
    charge.settles = used > 0
  end
  KINDS[charge.kind].load(charge, value, used, start)
end

-- The plan of the rule that has counted a key, by its field.
local function planOfField(name, value)
  local kind, number, unit = match(name, '^(%l)(%d*)(%l?)$')
  if kind == 'w' then
    return planOf('W:' .. name .. ':0:0:0')
  elseif kind == 'f' then
    return planOf('F:' .. name .. ':0:' .. number .. '000:' .. number .. ':0:0')
  elseif kind == 'c' then
    local start, over = match(value, '^(%d+):%d+:(%d+)$')
    return planOf('C:c:0:' .. start .. ':' .. over .. ':0:0')
  elseif kind == 's' then
    return planOf('S:' .. name .. ':0:' .. number .. ':0:0:0')
  elseif kind == 'b' then
    -- Of unknown depth: the next request reduces a debt beyond it.
    local depth, scale = text(floor(EXACT / 2 / number)), unit == 'n' and '1000' or '1'
    return planOf('B:' .. name .. ':' .. depth .. ':' .. number .. ':' .. scale .. ':0:0')
  elseif kind == 'm' then
    return planOf('M:m:0:' .. text(logOf(value).period) .. ':0:0:0')
  end
end

-- The charge by whose rule the key of a charge is counted, for corrections, which convert no counter: itself, if nothing
-- is counted, or if the rules differ in their capacity only. A log has the time of each request, and serves every
-- moving window.
local function asCounted(charge)
  local value = call('HGET', charge.key, charge.field)
  if value and charge.kind == 'M' then
    charge.a = logOf(value).period
  end
  if value and charge.kind ~= 'C' then
    return charge
  end
  local fields = call('HGETALL', charge.key)
  for i = 1, #fields, 2 do
    local known, other = pcall(planOfField, fields[i], fields[i + 1])
    if known and other then
      local same = charge.kind == 'C' and other.kind == 'C'
        and (other.a == charge.a and other.b == charge.b or other.b <= now)
      other.key = charge.key
      return same and charge or other
    end
  end
  return charge
end

local function save(charge)
  if charge.changed then
    call('DEL', charge.key)
  end
  KINDS[charge.kind].save(charge)
end
