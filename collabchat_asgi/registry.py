"""Which class stands behind a URL. Nothing is imported before its URL is used."""

from __future__ import annotations

import difflib
import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from .errors import ConfigError
from .pubsub.abc import PubSub
from .storage.abc import Storage
from .storage.sqlite_url import SqliteUrl

__all__ = [
    "default_pubsub",
    "make_pubsub",
    "make_storage",
    "masked",
    "register_pubsub",
    "register_storage",
]

T = TypeVar("T")

SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
SECRET = re.compile(r"([?&;][^=&;]*(?:pass|pwd|secret|token|key)[^=&;]*=)[^&;]*", re.IGNORECASE)
EXAMPLES = {"nats": "examples/own_backend of the repository"}
DRIVER_OF = {"asyncpg": "'collabchat-asgi[postgres]'", "nats": "nats-py"}


def masked(url: str) -> str:
    """The URL without user, password and secret options, fit for a log or an error.

    It takes away too much rather than too little: a password may hold any character unescaped.
    """
    scheme = SCHEME.match(url)
    start = scheme[0] if scheme else ""
    _, at, rest = url[len(start) :].rpartition("@")
    return start + ("***@" if at else "") + SECRET.sub(r"\1***", rest)


@dataclass(slots=True)
class Registry(Generic[T]):
    """The schemes of one contract, sought in this order: registered, built in, entry points."""

    setting: str
    """The argument that takes the URL; also names the group of entry points."""
    example: str
    built_in: dict[str, str]
    """Scheme to `module:Class` in this package."""
    registered: dict[str, Callable[[str], T]] = field(default_factory=dict)

    def register(self, scheme: str, factory: Callable[[str], T]) -> None:
        if not SCHEME.fullmatch(f"{scheme}://"):
            raise ConfigError(f"{scheme!r} is not the scheme of a URL")
        self.registered[scheme.lower()] = factory

    def make(self, url: str) -> T:
        scheme = self.scheme(url)
        try:
            return self._factory(scheme)(url)
        except ImportError as error:
            missing = (error.name or str(error)).partition(".")[0]
            if missing == "collabchat_asgi":
                raise ConfigError(f"{self.setting}: this version has no {scheme}://") from error
            raise ConfigError(
                f"{self.setting}: {scheme}:// needs {missing!r}, which is not installed; "
                f"pip install {DRIVER_OF.get(missing, missing)}"
            ) from error

    def scheme(self, url: str) -> str:
        """The scheme, in lower case. Raises `ConfigError` where the text is no URL."""
        if found := SCHEME.match(url):
            return found[1].lower()
        raise ConfigError(
            f"{self.setting}={masked(url)!r} is not a URL; it looks like {self.example}"
        )

    def known(self) -> list[str]:
        offered = (point.name.replace(".", "+") for point in entry_points(group=self._group))
        return sorted({*self.registered, *self.built_in, *offered})

    @property
    def _group(self) -> str:
        return f"collabchat_asgi.{self.setting}"

    def _factory(self, scheme: str) -> Callable[[str], T]:
        if scheme in self.registered:
            return self.registered[scheme]
        if scheme in self.built_in:
            module, _, name = self.built_in[scheme].partition(":")
            return _maker(getattr(import_module(f"collabchat_asgi.{module}"), name))
        for point in entry_points(group=self._group, name=scheme.replace("+", ".")):
            return _maker(point.load())
        known = self.known()
        if scheme in EXAMPLES:
            raise ConfigError(
                f"{self.setting}: {scheme}:// is not built in; {EXAMPLES[scheme]} is a back end "
                "for it, to install or to start from"
            )
        close = difflib.get_close_matches(scheme, known, 1)
        hint = f"did you mean {close[0]}://? " if close else ""
        raise ConfigError(
            f"{self.setting}: unknown scheme {scheme}://; {hint}known: {', '.join(known)}"
        )


def _maker(found: Any) -> Callable[[str], Any]:
    """A class of the contract is made by its `from_url`, anything else is called with the URL."""
    return getattr(found, "from_url", found)  # type: ignore[no-any-return]


SQLITE = ("sqlite", "sqlite+pysqlite")
POSTGRES = ("postgresql", "postgresql+asyncpg", "postgres")
REDIS = (
    *("redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel"),
    *("unix", "redis+socket"),
)

storages: Registry[Storage] = Registry(
    "storage",
    "sqlite:///collabchat.db",
    {
        "memory": "storage.memory:MemoryStorage",
        **dict.fromkeys(SQLITE, "storage.sqlite:SqliteStorage"),
        **dict.fromkeys(POSTGRES, "storage.postgres:PostgresStorage"),
        **dict.fromkeys(REDIS, "storage.redis:RedisStorage"),
    },
)
pubsubs: Registry[PubSub] = Registry(
    "pubsub",
    "redis://broker/0",
    {
        "memory": "pubsub.memory:MemoryPubSub",
        "local": "pubsub.local:LocalPubSub",
        **dict.fromkeys(POSTGRES, "pubsub.postgres:PostgresPubSub"),
        **dict.fromkeys(REDIS, "pubsub.redis:RedisPubSub"),
    },
)


def make_storage(url: str) -> Storage:
    """The storage behind the URL, not yet open.

    Raises `ConfigError`, whose text shows no password, where the scheme is not known, its driver
    is missing or an option is wrong.
    """
    return storages.make(url)


def make_pubsub(url: str) -> PubSub:
    """The pub/sub behind the URL, not yet open. Raises as `make_storage`."""
    return pubsubs.make(url)


def register_storage(scheme: str, factory: Callable[[str], Storage]) -> None:
    """Let `factory(url)` make the storages of this scheme, in this process, also a built-in one.

    A package offers its own with an entry point in the group `collabchat_asgi.storage`, named
    after the scheme with `.` for `+`, which is a `Storage` class or such a factory.
    """
    storages.register(scheme, factory)


def register_pubsub(scheme: str, factory: Callable[[str], PubSub]) -> None:
    """As `register_storage`; the group is `collabchat_asgi.pubsub`."""
    pubsubs.register(scheme, factory)


def default_pubsub(storage_url: str) -> str:
    """The pub/sub for a storage where none is given: what everybody who shares it can reach.

    A SQLite file: sockets beside it. Any other: the same server. Raises `ConfigError` where the
    storage has no pub/sub of its own.
    """
    scheme = storages.scheme(storage_url)
    if scheme in SQLITE:
        path = SqliteUrl.parse(storage_url).path
        if not path or not hasattr(socket, "AF_UNIX"):
            return "memory://"
        return "local://" + quote(os.path.realpath(path))
    if scheme in pubsubs.known():
        return storage_url
    raise ConfigError(f"storage {scheme}:// has no pub/sub of its own: set pubsub= as well")
