-- A page of the log, newest first, or oldest first. Filters apply before paging.
-- A line is `<revision> <bytes of path> <bytes of service, or -1> <path><service><entry>`.
-- With ARGV[1], the number of entries on all pages instead.
local log = KEYS[1]
local counts = ARGV[1] == '1'
local limit, skip = tonumber(ARGV[2]), tonumber(ARGV[3])
local path, service = ARGV[4] == '1' and ARGV[5], ARGV[6] == '1' and ARGV[7]
-- An entry is written with its id in front.
local start = ARGV[8] == '1' and '{"id":"' .. ARGV[9] .. '"'
local most = ARGV[10] == '1' and tonumber(ARGV[11])
local oldest_first, after, after_entry = ARGV[12] == '1', ARGV[13], ARGV[14]
-- Strings in JSON; times without the `Z`; then patterns of actions.
local actor, platform, since, until_time = ARGV[15], ARGV[16], ARGV[17], ARGV[18]
local selects = actor ~= '' or platform ~= '' or since ~= '' or until_time ~= '' or #ARGV > 18
if counts then
  limit, skip, most, oldest_first = math.huge, 0, false, false
end
-- Fewer lines of a log that may have large ones.
local STEP = (start or most or counts and path) and 50 or 500

if limit == 0 then
  return {}
end
-- Numbers as text, without leading zeros.
local function is_less(one, other)
  if #one ~= #other then
    return #one < #other
  end
  return one < other
end

local function id_starts(line, start)
  local path_length, service_length, at = string.match(line, '^%d+ (%d+) (%-?%d+) ()')
  at = at + tonumber(path_length) + math.max(tonumber(service_length), 0)
  return string.sub(line, at, at + #start - 1) == start
end

-- The index of the oldest line after the place; revisions decrease with the index.
local function last_index()
  local low, high = 0, redis.call('LLEN', log)
  if after == '' then
    return high - 1
  end
  local function is_after(index)
    local revision = string.match(redis.call('LINDEX', log, index), '^%d+')
    if after_entry == '' then
      return is_less(after, revision)
    end
    return not is_less(revision, after)
  end
  while low < high do
    local middle = math.floor((low + high) / 2)
    if is_after(middle) then
      low = middle + 1
    else
      high = middle
    end
  end
  local last = low - 1
  if after_entry ~= '' then
    local start = '{"id":"' .. after_entry .. '"'
    for index = last, 0, -1 do
      local line = redis.call('LINDEX', log, index)
      if string.match(line, '^%d+') ~= after then
        break
      end
      if id_starts(line, start) then
        return index - 1
      end
    end
  end
  return last
end

local last = (oldest_first or after ~= '') and last_index() or nil
if not last and not path and not service and not start and not most and not selects then
  if counts then
    return redis.call('LLEN', log)
  end
  return redis.call('LRANGE', log, skip, skip + limit - 1)
end

-- The first members of an entry whose values are strings, or null, as they are stored, up to `platform`.
local function members(line, at)
  local found = {}
  while true do
    local name, value = string.match(line, '^[{,]"([%w_]+)":()', at)
    if not name then
      return found
    end
    if string.sub(line, value, value) == '"' then
      local quote = value + 1
      while true do
        quote = string.find(line, '["\\]', quote)
        if not quote then
          return found
        end
        if string.sub(line, quote, quote) == '"' then
          break
        end
        quote = quote + 2
      end
      at = quote + 1
    elseif string.sub(line, value, value + 3) == 'null' then
      at = value + 4
    else
      return found
    end
    found[name] = string.sub(line, value, at - 1)
    if name == 'platform' then
      return found
    end
  end
end

local function is_wanted(action)
  for nth = 19, #ARGV do
    local pattern = ARGV[nth]
    local name = string.sub(pattern, -1) == '*' and string.sub(pattern, 1, -2)
    if action == pattern or name and string.sub(action, 1, #name) == name then
      return true
    end
  end
  return #ARGV == 18
end

local function is_selected(line, at)
  local entry = members(line, at)
  local time = string.sub(entry.timestamp or '', 2, -3)
  return (actor == '' or entry.actor == actor)
    and (platform == '' or entry.platform == platform)
    and (since == '' or time >= since)
    and (until_time == '' or time < until_time)
    and is_wanted(string.sub(entry.action or '', 2, -2))
end

local function passes(line)
  local path_length, service_length, at = string.match(line, '^%d+ (%d+) (%-?%d+) ()')
  path_length, service_length = tonumber(path_length), tonumber(service_length)
  if path and string.sub(line, at, at + path_length - 1) ~= path then
    return false
  end
  at = at + path_length
  if service
    and (service_length < 0 or string.sub(line, at, at + service_length - 1) ~= service) then
    return false
  end
  at = at + math.max(service_length, 0)
  if start and string.sub(line, at, at + #start - 1) ~= start then
    return false
  end
  return not selects or is_selected(line, at)
end

local page, bytes, counted = {}, 0, 0
-- Returns `true` if the page is full.
local function add(line)
  if not passes(line) then
    return false
  end
  if skip > 0 then
    skip = skip - 1
    return false
  end
  if counts then
    counted = counted + 1
    return false
  end
  page[#page + 1] = line
  bytes = bytes + #line
  return #page == limit or (most and bytes >= most)
end

local from = 0
-- Without filters, each line is of the page.
local step = (path or service or start or selects) and STEP or math.min(STEP, skip + limit)
while oldest_first and last >= 0 do
  local first = math.max(last - step + 1, 0)
  local lines = redis.call('LRANGE', log, first, last)
  for nth = #lines, 1, -1 do
    if add(lines[nth]) then
      return page
    end
  end
  last = first - 1
end
while not oldest_first do
  local to = from + STEP - 1
  if last and to > last then
    to = last
  end
  if to < from then
    break
  end
  local lines = redis.call('LRANGE', log, from, to)
  for _, line in ipairs(lines) do
    if add(line) then
      return page
    end
  end
  if #lines < STEP then
    break
  end
  from = from + STEP
end
return counts and counted or page
