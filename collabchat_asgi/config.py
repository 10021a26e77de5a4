"""Every number that an operator may change, with its unit in its name (DESIGN section 8)."""

from __future__ import annotations

from dataclasses import dataclass, fields

from .errors import ConfigError

MAY_BE_NONE = {"idle_pages", "log_events"}
"""Limits that make sense at 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of everything one client, one user and one page may have."""

    frame_bytes: int = 64 * 1024
    """A text frame from a client; a larger one closes 4413."""
    hello_bytes: int = 8 * 1024
    """The first frame."""
    body_chars: int = 2_000
    """Code points in a comment, after trimming."""
    anchor_bytes: int = 900
    """JSON of an anchor."""
    url_id_chars: int = 512
    comments_per_minute: int = 20
    """Per user, also the burst. Retries of what was committed are free."""
    operations_per_second: int = 20
    """Per user, also the burst."""
    frames_per_10_seconds: int = 200
    """Per connection; more closes 4529."""
    invalid_frames_per_10_seconds: int = 20
    """Per connection; more closes 4400."""
    connections_per_user: int = 50
    connections_per_address: int | None = None
    """Off until `trusted_proxies` is set: behind a proxy everyone has the proxy's address."""
    pages_per_connection: int = 128
    inbox_frames: int = 256
    """Frames of one connection that wait for a hook; beyond it the socket is not read."""
    chats_per_page: int = 2_000
    bytes_per_page: int = 32 * 1024 * 1024
    reactions_per_comment: int = 20
    """Different emoji."""
    users_per_reaction: int = 200
    snapshot_frame_bytes: int = 64 * 1024
    snapshot_bytes: int = 256 * 1024
    """A larger page is fetched over HTTP (`load: true`)."""
    ring_frames: int = 512
    ring_bytes: int = 1024 * 1024
    replies_waiting: int = 64
    """Acks and errors that wait for one slow socket; more closes 4509."""
    window_bytes: int = 1024 * 1024
    """Sent and not yet confirmed by a pong."""
    ping_bytes: int = 64 * 1024
    """Sent between two pings."""
    idle_pages: int = 1_000
    """Pages kept in memory with nobody on them."""
    log_events: int = 10_000
    """Kept per page, or `Timing.log_days`, whichever is more."""
    queued_operations: int = 10_000
    """Waiting for the committer in this process; more are answered `unavailable`."""

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if value is None and one.default is None:
                continue
            least = 0 if one.name in MAY_BE_NONE else 1
            if type(value) is not int or value < least:
                raise ConfigError(f"Limits({one.name}={value!r}): give a whole number from {least}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long everything may take."""

    ping_seconds: float = 25.0
    silence_seconds: float = 10.0
    """Added to `ping_seconds`: nothing received for that long closes 4508."""
    hello_seconds: float = 10.0
    send_seconds: float = 10.0
    """A `send` that takes longer is dead."""
    slow_seconds: float = 30.0
    """Waiting for so long without one answered ping closes 4509."""
    hook_seconds: float = 5.0
    batch_seconds: float = 0.1
    """The longest that an event waits for company."""
    presence_seconds: float = 1.0
    """Between two `presence` frames of a page, at least."""
    presence_grace_seconds: float = 5.0
    """After the last connection of a person is gone."""
    heartbeat_seconds: float = 15.0
    expiry_seconds: float = 40.0
    """After the last heartbeat of a process."""
    sweep_seconds: float = 5.0
    usage_flush_seconds: float = 10.0
    backend_seconds: float = 2.0
    """Bound of a storage or pub/sub call that names none of its own (SQLite: 5)."""
    revalidate_seconds: float = 60.0
    """Between two questions to `authenticate` about one user of one tenant."""
    dedupe_days: float = 7.0
    log_days: float = 7.0
    typing_seconds: float = 3.0
    drain_seconds: float = 5.0
    """Clients that are sent away come back spread over so long."""

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
                raise ConfigError(f"Timing({one.name}={value!r}): give a number, 0 or more")
