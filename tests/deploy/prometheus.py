"""A real Prometheus, with the configuration of examples/deploy."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode
from urllib.request import urlopen

from collabchat_asgi.testing.services import Service

EXAMPLE = Path(__file__).parents[2] / "examples" / "deploy" / "prometheus"


class Prometheus(Service):
    """Scrapes what listens on `target` once a second, and evaluates the rules as often."""

    binary: ClassVar[str] = "prometheus"
    package: ClassVar[str] = "prometheus"
    ready: ClassVar[re.Pattern[str]] = re.compile("Server is ready to receive web requests")

    def __init__(self, target: int, token: str) -> None:
        super().__init__()
        told = (EXAMPLE / "prometheus.yml").read_text()
        told = told.replace("15s", "1s").replace("127.0.0.1:8000", f"127.0.0.1:{target}")
        (self.folder / "prometheus.yml").write_text(told)
        (self.folder / "metrics_token").write_text(token)
        rules = "collabchat.rules.yml"
        (self.folder / rules).write_text((EXAMPLE / rules).read_text())

    def command(self, binary: str) -> Sequence[str]:
        return [
            *(binary, f"--web.listen-address=127.0.0.1:{self.port}"),
            *("--config.file=prometheus.yml", "--storage.tsdb.path=data"),
        ]

    def ask(self, path: str, **query: str) -> Any:
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urlencode(query)}"
        with urlopen(url, timeout=10) as answer:
            told = json.load(answer)
        assert told["status"] == "success", told
        return told["data"]

    def query(self, expression: str) -> dict[str, float]:
        """Values by labels as text."""
        return {
            json.dumps(one["metric"], sort_keys=True): float(one["value"][1])
            for one in self.ask("query", query=expression)["result"]
        }

    def number(self, expression: str) -> float:
        return sum(self.query(expression).values())
