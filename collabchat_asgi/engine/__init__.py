"""One per process: commits, logs, joins, fan-out. Knows contracts, never a driver or a socket."""
