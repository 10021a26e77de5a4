"""Certificates of a certificate authority that lives as long as a test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificates:
    authority: Path
    """Clients that have it as `SSL_CERT_FILE` trust us."""
    server: Path
    """For 127.0.0.1, with its key, as HAProxy wants it."""


def make_certificates(folder: Path) -> Certificates:
    authority = trustme.CA()
    made = Certificates(folder / "authority.pem", folder / "server.pem")
    authority.cert_pem.write_to_path(str(made.authority))
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(
        str(made.server)
    )
    return made
