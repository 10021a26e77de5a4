"""Brings what is open here up to the log, whatever was lost on the way."""

from __future__ import annotations

import logging

from ..errors import StorageError
from .services import Services

logger = logging.getLogger("collabchat_asgi.engine")


class Healing:
    """Compares every open page with the storage: the sweep."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.storage_error: str | None = None
        """Why the last sweep could not read the storage; None: it could."""

    async def heal(self) -> None:
        """One sweep."""
        services = self._services
        try:
            # First what somebody must not do any more: nothing that pages have to say may stop it.
            await services.revocations.sweep()
            await services.reader.sweep(services.pages.all())
            self.storage_error = None
        except StorageError as error:
            if self.storage_error is None:
                logger.error("reading the storage failed: %s", error)
            self.storage_error = str(error)

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._services.clock.sleep(self._services.timing.sweep_seconds)
            await self.heal()
