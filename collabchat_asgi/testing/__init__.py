"""What this project is tested with, for those who extend it: clients whose every receive has a
deadline, a history and its checker, a clock, a fault proxy, server processes, contract suites.

`TestClient`, `FakeClock` and `operations` need nothing further. The clients of real sockets and the
contract suites need the extra `testing`; names are looked up when they are used, so that it is not
needed for the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import operations as operations
    from .clock import FakeClock as FakeClock
    from .history import History as History
    from .history import Record as Record
    from .http_client import HttpClient as HttpClient
    from .page import Page as Page
    from .processes import ServerProcess as ServerProcess
    from .promises import Report as Report
    from .promises import Violation as Violation
    from .promises import check as check
    from .proxy import FaultProxy as FaultProxy
    from .pubsub_contract import PubSubContract as PubSubContract
    from .reconnecting_client import ReconnectingClient as ReconnectingClient
    from .socket_client import NotReceived as NotReceived
    from .socket_client import SocketClient as SocketClient
    from .storage_contract import StorageContract as StorageContract
    from .test_client import HandshakeRefused as HandshakeRefused
    from .test_client import TestClient as TestClient

_HOME = {
    "FakeClock": "clock",
    "FaultProxy": "proxy",
    "HandshakeRefused": "test_client",
    "History": "history",
    "HttpClient": "http_client",
    "NotReceived": "socket_client",
    "Page": "page",
    "PubSubContract": "pubsub_contract",
    "ReconnectingClient": "reconnecting_client",
    "Record": "history",
    "Report": "promises",
    "ServerProcess": "processes",
    "SocketClient": "socket_client",
    "StorageContract": "storage_contract",
    "TestClient": "test_client",
    "Violation": "promises",
    "check": "promises",
}


def __getattr__(name: str) -> Any:
    if name == "operations":
        return import_module(".operations", __name__)
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, "operations"})
