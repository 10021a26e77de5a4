-- Writes a group if nothing is in the way; else says what is, and gives the turn.
local me, turn_ms, expected_epoch, expected_seq = take(), take(), take(), number()
local write, expected_version = take() == 'write', take()
local is_listed, keeps_all, fresh_epoch = take() == 'listed', take() == 'keeps all', take()

-- Nothing is written here while nobody waits: the first write of a script is the one that Redis
-- refuses when its memory is full, and that has to be the log.
local holder = redis.call('GET', TURN)

local function is_my_turn()
  if not holder and redis.call('LLEN', LINE) > 0 then holder = pass_on(turn_ms) end
  if not holder or holder == me then return true end
  for _, waiting in ipairs(redis.call('LRANGE', LINE, 0, -1)) do
    if waiting == me then return false end
  end
  redis.call('RPUSH', LINE, me)
  redis.call('PEXPIRE', LINE, 60000)
  return false
end

if not is_my_turn() then return { 'wait' } end

local epoch, seq, trimmed, version = head()

-- Ids: those to be written, then those that are only asked for.
local writes, asks = number(), number()
local found, is_known = {}, false
for first = 1, writes + asks, CHUNK do
  local last = math.min(first + CHUNK - 1, writes + asks)
  for _, known in ipairs(redis.call('HMGET', IDS, unpack(ARGV, taken + first, taken + last))) do
    found[#found + 1] = known
    is_known = is_known or (known and #found <= writes)
  end
end
taken = taken + writes + asks

local as_expected
if expected_version == '' then
  as_expected = seq == expected_seq and (seq == 0 or epoch == expected_epoch)
else
  as_expected = expected_version == epoch .. ':' .. version
end

local replid, was_promoted = '', false
if writes > 0 then replid, was_promoted = replication() end
local last_replid = redis.call('HGET', HEAD, 'replid') or replid
local is_suspect = replid ~= '' and last_replid ~= '' and replid ~= last_replid
if seq > 0 and is_suspect and (was_promoted or not keeps_all) then
  -- Numbers may have been lost since: none of them is given out twice in one epoch.
  epoch, version, as_expected = fresh_epoch, version + 1, false
  redis.call('HSET', HEAD, 'epoch', epoch, 'version', version, 'replid', replid)
end

if is_known or not as_expected or not write then
  redis.call('SET', TURN, me, 'PX', turn_ms)
  local events = {}
  if has_tail(epoch, seq, trimmed, expected_epoch, expected_seq) then
    events = tail(expected_seq + 1, seq)
  end
  return { 'lost', epoch, seq, trimmed, epoch .. ':' .. version, found, events }
end

local new_epoch, new_seq = take(), number()
if seq == 0 and writes > 0 and not is_listed then return { 'list' } end

give('HSET', LOG)
give('HSET', IDS)
give('ZADD', NOTES)
give('HSET', RECORDS)
give('HDEL', RECORDS)
if writes > 0 then
  redis.call('HSET', HEAD, 'epoch', new_epoch, 'seq', new_seq, 'version', version + 1, 'replid', replid)
end
if holder then pass_on(turn_ms) end
return { 'done', found }
