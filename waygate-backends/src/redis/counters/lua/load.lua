-- Reads the usage of the key of a take.
local function load(take)
  local value, used, start = call('HGET', take.key, take.field), 0, nil
  take.changed, take.settles, take.inherited = false, false, nil
  if not value and call('EXISTS', take.key) == 1 then
    take.changed = true
    -- What cannot be read, such as a garbled field, counts as nothing.
    local known, before, since = pcall(consumed, take.key)
    if known then
      used, start = before, since
    end
    -- A refusal announces a wait by this rule, so it must store what another rule has counted.
    take.settles = used > 0
  end
  KINDS[take.kind].load(take, value, used, start)
end

local function save(take)
  if take.changed then
    call('DEL', take.key)
  end
  KINDS[take.kind].save(take)
end
