-- Takes the turn, or a place in the line for it. Returns whether it is ours.
local me, turn_ms = take(), take()
local holder = redis.call('GET', TURN)
if not holder and redis.call('LLEN', LINE) > 0 then holder = pass_on(turn_ms) end
if not holder or holder == me then
  redis.call('SET', TURN, me, 'PX', turn_ms)
  return 1
end
for _, waiting in ipairs(redis.call('LRANGE', LINE, 0, -1)) do
  if waiting == me then return 0 end
end
redis.call('RPUSH', LINE, me)
redis.call('PEXPIRE', LINE, 60000)
return 0
