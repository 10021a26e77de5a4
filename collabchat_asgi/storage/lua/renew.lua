-- A new epoch for a page that has lost its end.
local seen_epoch, seen, fresh_epoch = take(), number(), take()
local epoch, seq, _, version = head()
if seq > 0 and epoch == seen_epoch and seq < seen then
  epoch = fresh_epoch
  redis.call('HSET', HEAD, 'epoch', epoch, 'version', version + 1, 'replid', (replication()))
end
return { epoch, seq }
