-- A page of the log, newest first. Filters apply before paging.
-- A line is `<revision> <bytes of path> <bytes of service, or -1> <path><service><entry>`.
local log = KEYS[1]
local limit, skip = tonumber(ARGV[1]), tonumber(ARGV[2])
local path, service = ARGV[3] == '1' and ARGV[4], ARGV[5] == '1' and ARGV[6]
-- An entry is written with its id in front.
local start = ARGV[7] == '1' and '{"id":"' .. ARGV[8] .. '"'
local most = ARGV[9] == '1' and tonumber(ARGV[10])
-- Fewer lines of a log that may have large ones.
local STEP = (start or most) and 50 or 500

if limit == 0 then
  return {}
end
if not path and not service and not start and not most then
  return redis.call('LRANGE', log, skip, skip + limit - 1)
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
  return not start or string.sub(line, at, at + #start - 1) == start
end

local page, from, bytes = {}, 0, 0
while true do
  local lines = redis.call('LRANGE', log, from, from + STEP - 1)
  for _, line in ipairs(lines) do
    if passes(line) then
      if skip > 0 then
        skip = skip - 1
      else
        page[#page + 1] = line
        bytes = bytes + #line
        if #page == limit or most and bytes >= most then
          return page
        end
      end
    end
  end
  if #lines < STEP then
    return page
  end
  from = from + STEP
end
