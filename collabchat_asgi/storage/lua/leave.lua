-- Gives the turn back, or the place in the line, of who has nothing to write.
local me, turn_ms = take(), take()
redis.call('LREM', LINE, 0, me)
if redis.call('GET', TURN) == me then pass_on(turn_ms) end
return 0
