-- Adds one delta to its row, once.
local DAYS, ROWS, SEEN = unpack(KEYS)
local day, delta, kept_seconds = ARGV[1], ARGV[2], ARGV[3]
if redis.call('SADD', SEEN, delta) == 0 then return 0 end
redis.call('EXPIRE', SEEN, kept_seconds)
redis.call('ZADD', DAYS, 0, day)
for place = 4, #ARGV, 2 do redis.call('HINCRBY', ROWS, ARGV[place], ARGV[place + 1]) end
return 1
