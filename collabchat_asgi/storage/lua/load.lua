-- The head and all records, as of one moment.
local epoch, seq = head()
return { epoch, seq, redis.call('HGETALL', RECORDS) }
