-- Makes the page what was made of a dump, unless something else came first. Of who has read only what
-- changes is given, and last who is to be gone, twice: people read on meanwhile. `me` names the call,
-- which is made again where its answer was lost.
local me, seen_epoch, seen_version = take(), take(), take()
local new_epoch, new_seq, new_trimmed = take(), number(), take()
local epoch, seq, _, version = head()
if redis.call('HGET', HEAD, 'rewritten') == me then return 1 end
if seq == 0 and redis.call('EXISTS', IDS) == 0 then return 0 end
if epoch ~= seen_epoch or version ~= seen_version then return 0 end
become(new_epoch, new_seq, new_trimmed, version)
give('HDEL', READ)
give('ZREM', MOVED)
redis.call('HSET', HEAD, 'rewritten', me)
return 1
