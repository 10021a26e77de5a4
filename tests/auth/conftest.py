from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from collabchat_asgi import ConnectRequest

AskedWith = Callable[..., ConnectRequest]


@pytest.fixture
def asked_with() -> AskedWith:
    """What a browser brought along: `asked_with(token=…)`, `asked_with(cookies=…)`."""

    def request(**brought: Any) -> ConnectRequest:
        nothing = {"tenant_id": None, "token": None, "visitor_id": None, "client": None}
        return ConnectRequest(
            **{**nothing, "cookies": {}, "headers": {}, "query": {}, "scope": {}, **brought}
        )

    return request
