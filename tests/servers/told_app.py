"""The same, in a process that is told to end while it still imports its app."""

import os
import signal
import sys

# A worker of gunicorn that is told by itself is replaced by its master, for ever.
os.kill(os.getppid() if "gunicorn" in sys.modules else os.getpid(), signal.SIGTERM)

from .waiting_app import app  # noqa: E402

__all__ = ["app"]
