-- Gives the turn back, or the place in the line, of who has nothing to write.
local me, turn_ms = ARGV[1], ARGV[2]
redis.call('LREM', LINE, 0, me)
if redis.call('GET', TURN) == me then
  local heir = redis.call('LPOP', LINE)
  if heir then
    redis.call('SET', TURN, heir, 'PX', turn_ms)
  else
    redis.call('DEL', TURN)
  end
end
return 0
