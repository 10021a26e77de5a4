-- A new epoch for a page whose log was written anew where somebody had seen it.
local fresh_epoch = take()
local epoch, seq, _, version = head()
if strays() then
  epoch = fresh_epoch
  redis.call('HSET', HEAD, 'epoch', epoch, 'version', version + 1, 'replid', (replication()))
end
return { epoch, seq }
