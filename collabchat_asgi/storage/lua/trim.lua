-- Drops old numbers with what is known of them, and old notes. Returns how many numbers.
local before_ms, keep, most = number(), number(), number()
local epoch, seq, trimmed = head()
local last, n = math.min(seq - keep, trimmed + most), trimmed
while n < last do
  local packed = redis.call('HGET', LOG, n + 1)
  if packed then
    local start = 2 + string.byte(packed)
    local ms, length, id = string.match(packed, '^(%d+):(%d+):()', start)
    if tonumber(ms) >= before_ms then break end
    redis.call('HDEL', IDS, string.sub(packed, id, id + length - 1))
    redis.call('HDEL', LOG, n + 1)
  end
  n = n + 1
end
if n > trimmed then redis.call('HSET', HEAD, 'trimmed', n) end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', NOTES, '-inf', n, 'LIMIT', 0, most)) do
  local known = redis.call('HGET', IDS, id)
  if not known or tonumber(string.match(known, '^%d+')) < before_ms then
    redis.call('HDEL', IDS, id)
    redis.call('ZREM', NOTES, id)
  end
end
return n - trimmed
