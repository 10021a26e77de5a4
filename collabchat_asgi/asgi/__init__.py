"""The edge: the only rooms that know ASGI messages."""
