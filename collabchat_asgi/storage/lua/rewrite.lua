-- Makes the page what was made of a dump, unless something else came first.
local seen_epoch, seen_version = take(), take()
local new_epoch, new_seq, new_trimmed = take(), number(), take()
local epoch, seq, _, version = head()
if seq == 0 and redis.call('EXISTS', IDS) == 0 then return 0 end
if epoch ~= seen_epoch or version ~= seen_version then return 0 end
become(new_epoch, new_seq, new_trimmed, version)
return 1
