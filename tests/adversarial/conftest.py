"""Rows of the adversarial list against real servers; a neighbour must never notice."""

from tests.blackbox.conftest import neighbour, server, site, storage

__all__ = ["neighbour", "server", "site", "storage"]
