-- The head, all records, and the id of the event at the head, as of one moment.
local epoch, seq = head()
local last = redis.call('HGET', LOG, seq)
return { epoch, seq, redis.call('HGETALL', RECORDS), last and id_of(last) or '' }
