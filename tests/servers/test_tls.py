"""The suite over wss and https, where a server ends TLS itself, with `require_tls` on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.certificates import make_certificates

from .matrix import LONG, SMOKE, SUITE, run

OTHERS = ("hypercorn", "daphne", "granian", "gunicorn") if LONG else ()


@pytest.mark.parametrize("server", ["uvicorn", *OTHERS])
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
