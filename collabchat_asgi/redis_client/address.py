"""The URL of a Redis, read once for storage and pub/sub alike: each takes the other's options."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from ..errors import ConfigError

__all__ = ["Address", "Place"]

Kind = Literal["server", "cluster", "sentinel"]

SCHEMES: Mapping[str, tuple[Kind, bool]] = {
    "redis": ("server", False),
    "rediss": ("server", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
}
OPTIONS = {
    "durability",
    "prefix",
    "sentinel_password",
    "sentinel_username",
    "service",
    "ssl_ca_certs",
    "ssl_certfile",
    "ssl_keyfile",
    "timeout",
}
TLS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
PORTS: Mapping[Kind, int] = {"server": 6379, "cluster": 6379, "sentinel": 26379}
PREFIX = re.compile(r"[A-Za-z0-9._-]{1,32}")


class Place(NamedTuple):
    """Where one server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Address:
    """What a URL says. Its text shows neither user nor password."""

    scheme: str
    places: tuple[Place, ...]
    db: int = 0
    service: str = ""
    """The name under which Sentinels know the master."""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    sentinel_credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls_files: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 2.0
    """Seconds that one call may take."""
    prefix: str = "collabchat"
    logged: bool = True
    """Whether the storage asks for an append-only file."""

    @property
    def kind(self) -> Kind:
        return SCHEMES[self.scheme][0]

    @property
    def tls(self) -> bool:
        return SCHEMES[self.scheme][1]

    def __str__(self) -> str:
        path = f"/{self.service}" if self.service else ""
        places = ",".join(map(str, self.places))
        return f"{self.scheme}://{places}{path}" + (f"/{self.db}" if self.db else "")

    @classmethod
    def read(cls, url: str, setting: str) -> Address:
        """Raises `ConfigError` that names `setting` and shows nothing that may be a password."""
        scheme = url.partition("://")[0].lower()
        try:
            parts = urlsplit(url)
            kind, _ = SCHEMES[scheme]
            user, _, hosts = parts.netloc.rpartition("@")
            places = tuple(_place(host, PORTS[kind]) for host in hosts.split(","))
            if kind == "server" and len(places) > 1:
                raise ConfigError(
                    "is one server: several are redis+cluster://a,b or redis+sentinel://a,b/service"
                )
            options = _options(parts.query)
            for name in TLS:
                if name in options and not os.path.isfile(options[name]):
                    raise ConfigError(f"{name}={options[name]}: there is no such file")
        except ConfigError as error:
            raise ConfigError(f"{setting}: {scheme}:// {error}") from None
        except (KeyError, ValueError):
            raise ConfigError(
                f"{setting}: not a URL like redis://host:6379/0, redis+cluster://a:6379,b:6379 or "
                "redis+sentinel://a:26379,b:26379/service (escape odd characters in a password)"
            ) from None
        try:
            service, db = _path(kind, unquote(parts.path).strip("/"), options.get("service", ""))
            return cls(
                scheme,
                places,
                db,
                service,
                credentials=_credentials(*map(unquote, user.partition(":")[::2])),
                sentinel_credentials=_credentials(
                    options.get("sentinel_username", ""), options.get("sentinel_password", "")
                ),
                tls_files={name: options[name] for name in TLS if name in options},
                timeout=_seconds(options.get("timeout", "2")),
                prefix=_prefix(options.get("prefix", "collabchat")),
                logged=_logged(options.get("durability", "log")),
            )
        except ConfigError as error:
            raise ConfigError(f"{setting}: {scheme}:// {error}") from None


def _place(text: str, port: int) -> Place:
    parts = urlsplit(f"//{text}")
    return Place(parts.hostname or "localhost", parts.port or port)


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(options.keys() - OPTIONS):
        raise ConfigError(
            f"has no option {', '.join(unknown)}; known: {', '.join(sorted(OPTIONS))}"
        )
    return options


def _credentials(username: str, password: str) -> dict[str, str]:
    given = {"username": username, "password": password}
    return {name: value for name, value in given.items() if value}


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= 60:
        raise ConfigError(f"timeout={text}: give seconds, above 0 and at most 60")
    return seconds


def _prefix(text: str) -> str:
    if not PREFIX.fullmatch(text):
        raise ConfigError(f"prefix={text}: 1 to 32 of A-Z a-z 0-9 . _ -")
    return text


def _logged(text: str) -> bool:
    if text not in ("log", "none"):
        raise ConfigError(f"durability={text}: log (an append-only file is asked for) or none")
    return text == "log"


def _path(kind: Kind, path: str, service: str) -> tuple[str, int]:
    """`/db`, `/service` or `/service/db`."""
    names = [name for name in path.split("/") if name]
    if kind == "sentinel" and not service:
        service = names.pop(0) if names else ""
        if not service:
            raise ConfigError("needs the master's name: redis+sentinel://a:26379,b:26379/service")
    elif kind != "sentinel" and service:
        raise ConfigError("takes no service: that is for redis+sentinel://")
    db = names.pop(0) if names else "0"
    if names or not db.isdecimal():
        raise ConfigError(f"has the path /{path}, where the number of a database belongs")
    if kind == "cluster" and int(db):
        raise ConfigError("has only database 0: leave the path out")
    return service, int(db)
