"""Properties run with the same examples every time; COLLABCHAT_EXAMPLES asks for more of them."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "core",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=int(os.environ.get("COLLABCHAT_EXAMPLES", "2000")),
    suppress_health_check=[HealthCheck.too_slow],
)
