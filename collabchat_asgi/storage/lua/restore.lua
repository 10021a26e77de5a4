-- Makes the page what a copy is, unless it has another history or went on.
local new_epoch, new_seq, new_trimmed = take(), number(), take()
local epoch, seq, _, version = head()
if seq > 0 and (epoch ~= new_epoch or new_seq < seq) then return 0 end
redis.call('UNLINK', LOG, IDS, NOTES, RECORDS)
give('HSET', LOG)
give('HSET', IDS)
give('ZADD', NOTES)
give('HSET', RECORDS)
redis.call('HSET', HEAD, 'epoch', new_epoch, 'seq', new_seq, 'trimmed', new_trimmed,
  'version', version + 1, 'replid', (replication()))
return 1
