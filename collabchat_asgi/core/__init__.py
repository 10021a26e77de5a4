"""The rules of the system as functions and small state machines: no async, no I/O, no clock."""
