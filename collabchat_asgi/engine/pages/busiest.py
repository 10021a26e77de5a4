"""Which pages and tenants a process is busiest with: told to `collabchat top` alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ...core.measures import Row
from .page import Page

MOST = 20
"""Pages, and tenants, of one process."""

NAME_CHARS = 100
"""Of a page's id; the rest is cut."""


class Busiest:
    """By what happened since the last time that somebody asked, then by viewers."""

    def __init__(self) -> None:
        self._seen: dict[Page, int] = {}

    def rows(self, pages: list[Page], tenants: Iterable[str]) -> Iterable[Row]:
        """`page_now` with tenant and page: viewers, events so far; `tenant_now`: connections.
        `tenants` has the tenant of each connection."""
        moved = {
            page: page.position.seq - self._seen.get(page, page.position.seq) for page in pages
        }
        self._seen = {page: page.position.seq for page in pages}
        pages = sorted(pages, key=lambda page: (moved[page], len(page.viewers)), reverse=True)
        for page in pages[:MOST]:
            tenant_id, url_id = page.key
            if tenant_id:
                labels = [tenant_id, url_id[:NAME_CHARS]]
                yield ("page_now", labels, [len(page.viewers), page.position.seq])
        for tenant_id, connections in Counter(tenants).most_common(MOST):
            yield ("tenant_now", [tenant_id], [connections])
