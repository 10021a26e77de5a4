"""One suite, written from PROTOCOL alone, on every server and in every host.

What a server shows differently stands in tests/blackbox/servers.py with its reason. The normal run
takes the part that a server or a host could change; TESTS_LONG=1 takes all of it everywhere.
"""

from __future__ import annotations

import pytest

from collabchat_asgi.testing.servers import SERVERS

from .matrix import ADVERSARIAL, HOSTS, LONG, SMOKE, SUITE, run

NORMAL = [("uvicorn", "flask")]
EVERY = [(server, host) for server in SERVERS for host in HOSTS]


@pytest.mark.parametrize(("server", "host"), EVERY if LONG else NORMAL)
def test_the_suite_is_green(server: str, host: str) -> None:
    selection = [SUITE] if LONG else [f"{SUITE}/{name}" for name in SMOKE]
    outcome = run(server, host, *selection)
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
