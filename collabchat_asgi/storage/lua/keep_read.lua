-- Moves what people have read forward, on a page that somebody has committed to: a user and a number
-- each, by pairs.
if redis.call('EXISTS', HEAD) == 0 then return 0 end
while taken < #ARGV do
  local who, seq = take(), number()
  local known = tonumber(redis.call('HGET', READ, who) or -1)
  if seq > known then redis.call('HSET', READ, who, seq) end
end
return 1
