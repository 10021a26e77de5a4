"""Rows of the adversarial list against real servers; a neighbour must never notice."""

from __future__ import annotations

from tests.blackbox.conftest import neighbour, peer, server, site, storage

__all__ = ["neighbour", "peer", "server", "site", "storage"]
