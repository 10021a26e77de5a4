"""Hears of other processes by hint or not at all: nothing is swept."""

from __future__ import annotations

from collabchat_asgi import CollabChat, Timing
from collabchat_asgi.auth import anonymous

app = CollabChat(authenticate=anonymous(), timing=Timing(sweep_seconds=3600))
