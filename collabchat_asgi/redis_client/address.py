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

__all__ = ["Address", "Endpoint"]

Kind = Literal["server", "cluster", "sentinel"]

SCHEMES: Mapping[str, tuple[Kind, bool]] = {
    "redis": ("server", False),
    "rediss": ("server", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "unix": ("server", False),
    "redis+socket": ("server", False),
}
SOCKETS = {"unix", "redis+socket"}
"""Schemes whose path is that of a Unix socket."""
OPTIONS = {
    "db",
    "durability",
    "password",
    "prefix",
    "sentinel_password",
    "sentinel_username",
    "service",
    "ssl_ca_certs",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
    "timeout",
    "username",
}
IGNORED = {
    "client_name",
    "decode_responses",
    "encoding",
    "health_check_interval",
    "max_connections",
    "protocol",
    "retry_on_timeout",
    "socket_keepalive",
}
"""What redis-py's own URLs may say, and what is decided here: nobody need take it out."""
TLS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
PORTS: Mapping[Kind, int] = {"server": 6379, "cluster": 6379, "sentinel": 26379}
CURES = {
    "socket_connect_timeout": "timeout=… bounds the whole call, in seconds",
    "socket_timeout": "timeout=… bounds the whole call, in seconds",
    "ssl": "write rediss:// instead",
    "ssl_ca_path": "name one file: ssl_ca_certs=…",
}
PREFIX = re.compile(r"[A-Za-z0-9._-]{1,32}")


class Endpoint(NamedTuple):
    """Where one server listens. `port` 0: `host` is the path of a Unix socket."""

    host: str
    port: int

    def __str__(self) -> str:
        if not self.port:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Address:
    """What a URL says. Its text shows neither user nor password."""

    scheme: str
    endpoints: tuple[Endpoint, ...]
    db: int = 0
    service: str = ""
    """The name under which Sentinels know the master."""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    sentinel_credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls_files: Mapping[str, str] = field(default_factory=dict)
    tls_checks: tuple[bool, bool] = (True, True)
    """Whether the server's certificate is checked, and whether it must name the host."""
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
        endpoints = ",".join(map(str, self.endpoints))
        return f"{self.scheme}://{endpoints}{path}" + (f"/{self.db}" if self.db else "")

    @classmethod
    def read(cls, url: str, setting: str) -> Address:
        """Raises `ConfigError` that names `setting` and shows nothing that may be a password."""
        scheme = url.partition("://")[0].lower()
        try:
            parts = urlsplit(url)
            kind, _ = SCHEMES[scheme]
            user, _, hosts = parts.netloc.rpartition("@")
            if scheme in SOCKETS:
                endpoints: tuple[Endpoint, ...] = (_socket(hosts, unquote(parts.path)),)
            else:
                endpoints = tuple(_endpoint(host, PORTS[kind]) for host in hosts.split(","))
            if kind == "server" and len(endpoints) > 1:
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
            path = "" if scheme in SOCKETS else unquote(parts.path).strip("/")
            if "db" in options and not path.rpartition("/")[2].isdecimal():
                path = f"{path}/{options['db']}".strip("/")
            service, db = _path(kind, path, options.get("service", ""))
            name, _, password = user.partition(":")
            return cls(
                scheme,
                endpoints,
                db,
                service,
                credentials=_credentials(
                    unquote(name) or options.get("username", ""),
                    unquote(password) or options.get("password", ""),
                ),
                sentinel_credentials=_credentials(
                    options.get("sentinel_username", ""), options.get("sentinel_password", "")
                ),
                tls_files={name: options[name] for name in TLS if name in options},
                tls_checks=_checks(options),
                timeout=_seconds(options.get("timeout", "2")),
                prefix=_prefix(options.get("prefix", "collabchat")),
                logged=_logged(options.get("durability", "log")),
            )
        except ConfigError as error:
            raise ConfigError(f"{setting}: {scheme}:// {error}") from None


def _endpoint(text: str, port: int) -> Endpoint:
    parts = urlsplit(f"//{text}")
    return Endpoint(parts.hostname or "localhost", parts.port or port)


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in sorted(options.keys() & CURES.keys()):
        raise ConfigError(f"has no option {name}: {CURES[name]}")
    if unknown := sorted(options.keys() - OPTIONS - IGNORED):
        raise ConfigError(
            f"has no option {', '.join(unknown)}; known: {', '.join(sorted(OPTIONS))}"
        )
    return options


def _socket(host: str, path: str) -> Endpoint:
    if host or len(path) < 2:
        raise ConfigError("needs the path of a socket: unix:///run/redis/redis.sock?db=0")
    return Endpoint(path, 0)


def _checks(options: Mapping[str, str]) -> tuple[bool, bool]:
    """redis-py checks the name from release 6 on; here it is always checked, unless told not to."""
    required = options.get("ssl_cert_reqs", "required").lower().removeprefix("cert_")
    if required not in ("none", "optional", "required"):
        raise ConfigError(f"ssl_cert_reqs={required}: required (the certificate counts) or none")
    named = options.get("ssl_check_hostname", "true").lower()
    if named not in ("true", "false", "1", "0", "yes", "no"):
        raise ConfigError(f"ssl_check_hostname={named}: true or false")
    checked = required != "none"
    return checked, checked and named in ("true", "1", "yes")


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
