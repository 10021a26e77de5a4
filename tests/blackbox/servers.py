"""What clients see of PROTOCOL through each server, where the server has the last word."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shows:
    going_away: int = 1012
    """The close code of a server that is told to end; clients come back after each of them."""
    reasons: bool = True
    """Whether the reason of a close travels; its code always does, and `bye` repeats both."""
    malformed_origin: int = 403
    """The status of a handshake whose Origin is no URL."""
    subprotocol_lines: bool = True
    """Whether all lines of Sec-WebSocket-Protocol are read. Browsers send one."""
    cuts: bool = True
    """Whether a connection that is closed ends although its peer reads nothing."""


SHOWS = {
    # Says 1012 itself, before it tells the app.
    "uvicorn": Shows(),
    "uvicorn-wsproto": Shows(),
    "gunicorn": Shows(),
    # Waits 3 s for the app, which it does not tell, and cancels it. Of several lines of
    # Sec-WebSocket-Protocol it hands on the last.
    "hypercorn": Shows(going_away=1011, subprotocol_lines=False),
    # Hands reasons to Autobahn in a place where they are dropped, answers a malformed Origin
    # before it asks the app, and ends without a close frame. A close waits behind what the peer
    # does not read, until TCP gives up.
    "daphne": Shows(going_away=1006, reasons=False, malformed_origin=400, cuts=False),
    # Ends without a close frame.
    "granian": Shows(going_away=1006),
}

shown = SHOWS[os.environ.get("BLACKBOX_SERVER", "uvicorn")]
