-- Applies a batch, all or nothing: Redis does not roll back a script, so all checks come first. Revisions stay texts,
-- since numbers of Lua are exact only up to 2^53.
local meta, entities, audit, commits = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, first_epoch, expected_epoch, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local capacity, remembered = tonumber(ARGV[5]), tonumber(ARGV[6])
local expectations, puts = tonumber(ARGV[7]), tonumber(ARGV[8])
local deletes, lines = tonumber(ARGV[9]), tonumber(ARGV[10])
local keep_from, bound = ARGV[11], tonumber(ARGV[12])
local at = 12
local call = redis.call

local function argument()
  at = at + 1
  return ARGV[at]
end

local epoch = call('HGET', meta, 'epoch')
-- The commit was sent again because its answer was lost.
for _, commit in ipairs(call('LRANGE', commits, 0, -1)) do
  if string.sub(commit, 1, #id) == id then
    -- Rewritten unchanged, so that a `WAIT` over this connection waits for it.
    call('HSET', meta, 'commit', call('HGET', meta, 'commit'))
    return { 'made', epoch, string.sub(commit, #id + 2) }
  end
end
if expected_epoch ~= '' and expected_epoch ~= epoch then
  return { 'replaced', epoch or '' }
end
for nth = 1, expectations do
  local key, expected = argument(), argument()
  local value = call('HGET', entities, key)
  local found = value and string.match(value, '^%d+') or ''
  if found ~= expected then
    return { 'conflict', tostring(nth - 1), found }
  end
end
-- Fails here rather than half-way if the key holds something else.
call('LLEN', audit)
call('HLEN', entities)
if redis.acl_check_cmd then
  for _, write in ipairs({
    { 'HSET', meta, 'k', 'v' }, { 'HINCRBY', meta, 'revision', '1' }, { 'HSET', entities, 'k', 'v' },
    { 'HDEL', entities, 'k' }, { 'LPUSH', audit, 'v' }, { 'LTRIM', audit, '0', '1' },
    { 'LPUSH', commits, 'v' }, { 'LTRIM', commits, '0', '1' },
  }) do
    if not redis.acl_check_cmd(unpack(write)) then
      return redis.error_reply('NOPERM ' .. write[1] .. ' on ' .. write[2] .. ' is not allowed')
    end
  end
end

if not epoch then
  epoch = first_epoch
  call('HSET', meta, 'epoch', epoch)
end
call('HINCRBY', meta, 'revision', 1)
local revision = call('HGET', meta, 'revision')
call('HSET', meta, 'commit', id)
for _ = 1, puts do
  local key, value = argument(), argument()
  call('HSET', entities, key, revision .. ' ' .. value)
end
for _ = 1, deletes do
  call('HDEL', entities, argument())
end
for _ = 1, lines do
  call('LPUSH', audit, revision .. ' ' .. argument())
end
-- Numbers as text, without leading zeros.
local function is_less(one, other)
  if #one ~= #other then
    return #one < #other
  end
  return one < other
end
-- Keeps the first entries; with 0, none.
local function shorten(length)
  call('LTRIM', audit, length > 0 and 0 or 1, length > 0 and length - 1 or 0)
end
if lines > 0 and keep_from == '' then
  shorten(capacity)
elseif lines > 0 then
  shorten(bound)
  -- Each commit makes more room than it uses.
  local length, most = call('LLEN', audit), 2 * lines + 100
  while length > capacity and most > 0
    and is_less(string.match(call('LINDEX', audit, -1), '^%d+'), keep_from) do
    length, most = length - 1, most - 1
    shorten(length)
  end
end
call('LPUSH', commits, id .. ' ' .. revision)
call('LTRIM', commits, 0, remembered - 1)
-- Only a hint: without permission to publish, commits still work.
redis.pcall('PUBLISH', channel, epoch .. ' ' .. revision)
return { 'made', epoch, revision }
