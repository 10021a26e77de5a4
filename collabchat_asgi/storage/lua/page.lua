-- What all scripts know of a page. Its keys are in one slot:
local HEAD, LOG, RECORDS, IDS, NOTES, TURN, LINE, READ, MOVED = unpack(KEYS)
-- HEAD     hash: epoch, seq, trimmed, version (moves with every write), replid (of the last write)
-- LOG      hash: seq -> <length of body key><body key><ms>:<length of id>:<id><event>
-- RECORDS  hash: key -> <body_seq>:<length of body>:<body><value>
-- IDS      hash: broadcastId -> <ms>:<seq>:<the rest of what is known>; a note has +seq
-- NOTES    zset: ids of operations that took no number, by the head at that moment
-- READ     hash: user id -> the number up to which this person has read
-- MOVED    zset: user ids of anonymous visitors, by the day since 1970 on which that moved last
-- TURN     who alone may write now; LINE  list: who waits for that

local CHUNK = 2000 -- values on Lua's stack at once

-- Arguments are taken one after the other.
local taken = 0
local function take()
  taken = taken + 1
  return ARGV[taken]
end
local function number() return tonumber(take()) end

-- Gives as many of the next arguments as the first of them says to a command, in chunks.
local function give(command, key)
  local count = number()
  for first = 1, count, CHUNK do
    redis.call(command, key, unpack(ARGV, taken + first, taken + math.min(first + CHUNK - 1, count)))
  end
  taken = taken + count
end

-- The turn goes to the first in the line; false where nobody waits.
local function pass_on(turn_ms)
  local heir = redis.call('LPOP', LINE)
  if heir then
    redis.call('SET', TURN, heir, 'PX', turn_ms)
  else
    redis.call('DEL', TURN)
  end
  return heir
end

local function head()
  local found = redis.call('HMGET', HEAD, 'epoch', 'seq', 'trimmed', 'version')
  return found[1] or '', tonumber(found[2] or 0), tonumber(found[3] or 0), found[4] or '0'
end

-- This server's replication id, which changes with a restart or a promotion, and whether it was
-- promoted. Nothing where the user may not ask.
local function replication()
  local info = redis.pcall('INFO', 'replication')
  if type(info) ~= 'string' then return '', false end
  local id = string.match(info, 'master_replid:(%x+)') or ''
  local former = string.match(info, 'master_replid2:(%x+)') or ''
  return id, string.find(former, '[^0]') ~= nil
end

local function has_tail(epoch, seq, trimmed, after_epoch, after)
  return (after == 0 or after_epoch == epoch) and after <= seq and after >= trimmed
end

-- Puts the lists that come next in the place of all that the page had, but READ and MOVED, to which
-- they are added.
local function become(epoch, seq, trimmed, version)
  redis.call('UNLINK', LOG, IDS, NOTES, RECORDS)
  give('HSET', LOG)
  give('HSET', IDS)
  give('ZADD', NOTES)
  give('HSET', RECORDS)
  give('HSET', READ)
  give('ZADD', MOVED)
  redis.call('HSET', HEAD, 'epoch', epoch, 'seq', seq, 'trimmed', trimmed,
    'version', version + 1, 'replid', (replication()))
end

local function body(key, seq)
  local record = redis.call('HGET', RECORDS, key)
  if not record then return '' end
  local body_seq, length, start = string.match(record, '^(%d+):(%d+):()')
  if tonumber(body_seq) ~= seq then return '' end
  return string.sub(record, start, start + length - 1)
end

-- The broadcast id of an event as LOG has it.
local function id_of(packed)
  local length, start = string.match(packed, '^%d+:(%d+):()', 2 + string.byte(packed))
  return string.sub(packed, start, start + length - 1)
end

-- Whether another event stands where one of the marks that come next saw one: how many they are, and
-- of each its epoch, number and id.
local function strays()
  local epoch = head()
  for _ = 1, number() do
    local seen_epoch, seq, id = take(), take(), take()
    local packed = seen_epoch == epoch and redis.call('HGET', LOG, seq)
    if packed and id_of(packed) ~= id then return true end
  end
  return false
end

-- Events first ... last, each followed by its text.
local function tail(first, last)
  local events = {}
  for from = first, last, CHUNK do
    local seqs = {}
    for seq = from, math.min(from + CHUNK - 1, last) do seqs[#seqs + 1] = seq end
    for place, packed in ipairs(redis.call('HMGET', LOG, unpack(seqs))) do
      local length = packed and string.byte(packed) or 0
      events[#events + 1] = packed
      events[#events + 1] = length > 0 and body(string.sub(packed, 2, 1 + length), seqs[place]) or ''
    end
  end
  return events
end
