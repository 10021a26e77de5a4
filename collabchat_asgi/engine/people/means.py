"""What a connection has to work with."""

from __future__ import annotations

from typing import Protocol

from ...config import Limits, Timing, Tuning
from ...hooks import Hooks
from ..clock import Clock
from ..measuring.counts import Counts
from ..measuring.quotas import QuotaBook
from ..pages.gossip import Gossip
from ..pages.log import LogReader
from ..pages.pages import Pages
from ..peers.publisher import Publisher
from ..peers.revocations import Revocations
from ..supervisor import Supervisor
from ..writing.operations import Operations
from ..writing.users import Users
from .identities import Identities
from .reading import Reading


class Means(Protocol):
    """The services of a process, as far as people are concerned (`engine/services.py`)."""

    clock: Clock
    counts: Counts
    gossip: Gossip
    hooks: Hooks
    identities: Identities
    limits: Limits
    operations: Operations
    pages: Pages
    publisher: Publisher
    quotas: QuotaBook | None
    """None: nobody's use is limited over a period."""
    reader: LogReader
    reading: Reading
    revocations: Revocations
    supervisor: Supervisor
    timing: Timing
    tuning: Tuning
    users: Users
