"""The suite over wss and https, where a server ends TLS itself, with `require_tls` on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.certificates import make_certificates

from .matrix import SMOKE, SUITE, run

SERVERS = ("uvicorn", "hypercorn", "daphne", "granian", "gunicorn")


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS)
def test_the_suite_over_tls(server: str, tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    outcome = run(
        server,
        "fastapi",
        *(f"{SUITE}/{name}" for name in SMOKE),
        BLACKBOX_TLS=str(made.server),
        SSL_CERT_FILE=str(made.authority),
        COLLABCHAT_REQUIRE_TLS="true",
    )
    print(outcome.called(f"{server} TLS"))
    assert outcome.of, outcome.output
    assert outcome.passed == outcome.of, outcome.output
