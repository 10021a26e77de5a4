-- The head, and the events after a position where there is such a tail.
local after_epoch, after, limit = take(), number(), number()
local epoch, seq, trimmed = head()
local events = {}
if has_tail(epoch, seq, trimmed, after_epoch, after) then
  events = tail(after + 1, math.min(after + limit, seq))
end
return { epoch, seq, trimmed, events }
