"""The black-box suite on one server and one host, in a process of its own.

.venv/bin/python -m tests.servers.matrix daphne django tests/blackbox
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from collabchat_asgi.testing.servers import SERVERS

LONG = bool(os.environ.get("TESTS_LONG"))
ROOT = Path(__file__).parents[2]
HOSTS = ("fastapi", "starlette", "quart", "flask", "django", "litestar")
SUITE = "tests/blackbox"
ADVERSARIAL = "tests/adversarial"
SMOKE = (
    "test_handshake.py",
    "test_closing.py",
    "test_frames.py::test_what_is_no_frame_closes",
    "test_http.py::test_a_page_travels_compressed",
    "test_http.py::test_who_may_post",
    "test_http.py::test_a_post_is_heard_on_sockets",
    "test_http.py::test_the_dashboard_is_a_page",
)
"""What a server or a host could change: handshake, close codes, the end, HTTP."""


@dataclass(frozen=True, slots=True)
class Outcome:
    server: str
    host: str
    passed: int
    of: int
    output: str

    def called(self, server: str) -> Outcome:
        return replace(self, server=server)

    def __str__(self) -> str:
        return f"{self.server:16} × {self.host:10} {self.passed} of {self.of}"


def run(server: str, host: str, *selection: str, **environ: str) -> Outcome:
    """`environ` is for the suite and its servers: `BLACKBOX_TLS`, `SSL_CERT_FILE`, …"""
    env = {"BLACKBOX_SERVER": server, **environ}
    if host in HOSTS:
        env["BLACKBOX_APP"] = f"tests.hosts.{host}_app:app"
    pytest = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*pytest, *selection], cwd=ROOT, env=os.environ | env, capture_output=True, text=True
    )
    counts = re.findall(r"(\d+) (passed|failed|errors?|skipped|xfailed)", done.stdout)
    passed = sum(int(count) for count, kind in counts if kind == "passed")
    every = sum(int(count) for count, _ in counts)
    return Outcome(server, host, passed, every, done.stdout + done.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in SERVERS or sys.argv[2] not in HOSTS:
        sys.exit(f"{__doc__}\nservers: {', '.join(SERVERS)}\nhosts: {', '.join(HOSTS)}")
    outcome = run(sys.argv[1], sys.argv[2], *(sys.argv[3:] or [SUITE]))
    print(outcome.output, outcome, sep="\n")
    sys.exit(outcome.passed != outcome.of)
