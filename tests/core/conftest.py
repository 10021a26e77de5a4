"""Properties run with the same examples every time: 250 of each, 2,000 in the long form, or as
many as COLLABCHAT_EXAMPLES says."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

LONG = bool(os.environ.get("TESTS_LONG"))

settings.register_profile(
    "core",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=int(os.environ.get("COLLABCHAT_EXAMPLES") or (2_000 if LONG else 250)),
    suppress_health_check=[HealthCheck.too_slow],
)
