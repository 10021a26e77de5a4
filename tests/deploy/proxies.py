"""The proxies of examples/deploy, as they stand there but for ports, names and certificates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from collabchat_asgi.testing.services import Service

EXAMPLES = Path(__file__).parents[2] / "examples/deploy"


class Proxy(Service):
    """TLS on a free port of 127.0.0.1, and the app at `upstream` behind it."""

    example: ClassVar[str]

    def __init__(self, upstream: str, certificate: Path) -> None:
        super().__init__()
        self.upstream = upstream
        self.certificate = certificate
        self.configuration = self.folder / self.example
        self.configuration.write_text(self.adapted((EXAMPLES / self.example).read_text()))

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/collabchat"

    def adapted(self, example: str) -> str:
        return replaced(example, **{"127.0.0.1:8000": self.upstream, **self.changes})

    @property
    def changes(self) -> dict[str, str]:
        return {"/etc/ssl/private/app.example.com.pem": str(self.certificate)}


def replaced(text: str, **changes: str) -> str:
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


class Nginx(Proxy):
    binary, package, example = "nginx", "nginx-light", "nginx.conf"
    ready = re.compile("start worker process ")

    @property
    def changes(self) -> dict[str, str]:
        port = {"listen 443 ssl": f"listen 127.0.0.1:{self.port} ssl"}
        return super().changes | port | {"http {\n": "http {\n    access_log off;\n"}

    def command(self, binary: str) -> Sequence[str]:
        once = f"daemon off; pid {self.folder}/pid; error_log stderr notice;"
        return [binary, "-c", str(self.configuration), "-e", "stderr", "-g", once]


class NginxBelow(Nginx):
    """The app below `/app/`, which this proxy takes off."""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/app/collabchat"

    @property
    def changes(self) -> dict[str, str]:
        below = {
            "location / {": "location /app/ {",
            "proxy_pass http://app;": "proxy_pass http://app/;",
        }
        return super().changes | below


class Caddy(Proxy):
    binary, package, example = "caddy", "caddy", "Caddyfile"
    ready = re.compile("serving initial configuration")

    @property
    def changes(self) -> dict[str, str]:
        files = f"{self.certificate} {self.certificate}"
        site = f"https://127.0.0.1:{self.port} {{\n\ttls {files}\n"
        alone = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"
        return {"app.example.com {\n": alone + site}

    def command(self, binary: str) -> Sequence[str]:
        homes = [f"{name}={self.folder}" for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME")]
        configuration = ["--config", str(self.configuration), "--adapter", "caddyfile"]
        return ["env", *homes, binary, "run", *configuration]


class Haproxy(Proxy):
    binary, package, example = "haproxy", "haproxy", "haproxy.cfg"
    ready = re.compile("Loading success")

    @property
    def changes(self) -> dict[str, str]:
        return super().changes | {"bind :443": f"bind 127.0.0.1:{self.port}"}

    def command(self, binary: str) -> Sequence[str]:
        return [binary, "-W", "-db", "-f", str(self.configuration)]


PROXIES: dict[str, type[Proxy]] = {"nginx": Nginx, "caddy": Caddy, "haproxy": Haproxy}
