-- Moves what people have read forward, on a page that somebody has committed to: how ids of anonymous
-- visitors begin, the day, then a user and a number each, by pairs.
if redis.call('EXISTS', HEAD) == 0 then return 0 end
local anonymous, day = take(), number()
local _, last = head()
while taken < #ARGV do
  local who, seq = take(), math.min(number(), last)
  local known = tonumber(redis.call('HGET', READ, who) or -1)
  if seq > known then
    redis.call('HSET', READ, who, seq)
    if string.sub(who, 1, #anonymous) == anonymous then redis.call('ZADD', MOVED, day, who) end
  end
end
return 1
