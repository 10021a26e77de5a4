-- Whether the log was written anew where somebody had seen it.
return strays() and 1 or 0
