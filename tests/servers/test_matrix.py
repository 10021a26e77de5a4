"""One suite, written from PROTOCOL alone, on every server and in every host.

What a server shows differently stands in tests/blackbox/servers.py with its reason. The normal run
has the suite itself, on one server, and the hosts' own routes beside it (test_kept_alive.py).
"""

from __future__ import annotations

import pytest

from collabchat_asgi.testing.servers import SERVERS

from .matrix import ADVERSARIAL, HOSTS, SUITE, run

EVERY = [(server, host) for server in SERVERS for host in HOSTS]
THROUGH_ALL_FAULTS = set(zip(SERVERS, HOSTS, strict=True))
"""Each server and each host once: how a process ends is the one's or the other's doing, hardly that
of both. The other pairs go through SIGKILL alone."""


@pytest.mark.long
@pytest.mark.parametrize(("server", "host"), EVERY)
def test_the_suite_is_green(server: str, host: str) -> None:
    long = "1" if (server, host) in THROUGH_ALL_FAULTS else ""
    outcome = run(server, host, SUITE, TESTS_LONG=long)
    print(outcome)
    assert outcome.of, outcome.output
    assert outcome.passed == outcome.of, outcome.output


OTHERS = [server for server in SERVERS if server != "uvicorn"]


@pytest.mark.long
@pytest.mark.parametrize("server", OTHERS)
def test_the_adversarial_list(server: str) -> None:
    """On uvicorn it is run where it stands."""
    outcome = run(server, "hostile", ADVERSARIAL)
    print(outcome)
    assert outcome.of, outcome.output
    assert outcome.passed == outcome.of, outcome.output
