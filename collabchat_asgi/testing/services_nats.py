"""NATS as tests need it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

from .services import Service, find_binary

__all__ = ["NatsServer"]


class NatsServer(Service):
    """One NATS server, core subjects only."""

    binary = "nats-server"
    package = "nats-server"
    ready = re.compile("Server is ready")

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def version(self) -> str:
        path = find_binary(self.binary, self.package)
        told = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
        return told.stdout.strip()

    def command(self, binary: str) -> Sequence[str]:
        return [binary, "--addr", "127.0.0.1", "--port", str(self.port)]
