-- Makes the page what a copy is, unless it has another history or went on.
local new_epoch, new_seq, new_trimmed = take(), number(), take()
local epoch, seq, _, version = head()
if seq > 0 and (epoch ~= new_epoch or new_seq < seq) then return 0 end
redis.call('UNLINK', READ, MOVED)
become(new_epoch, new_seq, new_trimmed, version)
return 1
