-- Everything, as of one moment.
local epoch, seq, trimmed, version = head()
local everything = { epoch, seq, trimmed }
for _, key in ipairs { RECORDS, LOG, IDS, READ } do
  everything[#everything + 1] = redis.call('HGETALL', key)
end
everything[#everything + 1] = version
return everything
