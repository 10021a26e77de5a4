"""From a frame that was encoded once to every reader: places, sockets, sends."""
