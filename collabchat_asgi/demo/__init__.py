"""`collabchat demo`: a page of prose to talk about, on the embedded default."""
