-- Everything as of one commit, or nothing if the caller has it already.
local meta, entities = KEYS[1], KEYS[2]
local known = ARGV[1]
local found = redis.call('HMGET', meta, 'epoch', 'revision', 'commit')
if not found[1] then
  return {}
end
if found[3] == known then
  return { found[1], found[2], found[3] }
end
return { found[1], found[2], found[3], redis.call('HGETALL', entities) }
