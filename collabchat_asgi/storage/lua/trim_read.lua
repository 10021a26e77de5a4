-- Drops how far anonymous visitors have read whose day is over. Returns how many.
local before_day, most = take(), number()
local old = redis.call('ZRANGEBYSCORE', MOVED, '-inf', '(' .. before_day, 'LIMIT', 0, most)
for _, who in ipairs(old) do
  redis.call('HDEL', READ, who)
  redis.call('ZREM', MOVED, who)
end
return #old
