-- The head, and the events after a position where there is such a tail.
local after_epoch, after, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local epoch, seq, trimmed = head()
local events = {}
if has_tail(epoch, seq, trimmed, after_epoch, after) then
  events = tail(after + 1, math.min(after + limit, seq))
end
return { epoch, seq, trimmed, events }
