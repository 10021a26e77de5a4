"""Every number that may be changed, with its unit in its name and its range checked.

`Limits` and `Timing` are for operators and stay. `Tuning` is how this release does its work: its
fields come and go.
"""

from __future__ import annotations

import math
from dataclasses import Field, dataclass, field, fields
from typing import Any

from .errors import ConfigError

KIB = 1024
MIB = 1024 * KIB
DAY = 86_400.0
MANY = 10**9
"""For counts that nothing else bounds."""


def number(default: float | None, least: float, most: float) -> Any:
    """A field of one of the classes below. A whole number where `least` is one."""
    return field(default=default, metadata={"least": least, "most": most})


def unit_of(name: str) -> str:
    """What a field counts, by the end of its name."""
    if "_per_" in name:
        return "bytes" if name.startswith("bytes_") else "count"
    for unit, end in (
        ("bytes", "_bytes"),
        ("code points", "_chars"),
        ("seconds", "_seconds"),
        ("days", "_days"),
    ):
        if name.endswith(end):
            return unit
    return "count"


def _check(settings: Limits | Timing | Tuning) -> None:
    for one in fields(settings):
        value = getattr(settings, one.name)
        if value is None and one.default is None:
            continue
        least, most = one.metadata["least"], one.metadata["most"]
        kinds = (int,) if type(least) is int else (int, float)
        if type(value) not in kinds or not math.isfinite(value) or not least <= value <= most:
            name = f"{type(settings).__name__}({one.name}={value!r})"
            raise ConfigError(f"{name}: give {_wanted(one)}")


def _wanted(one: Field[Any]) -> str:
    least, most = one.metadata["least"], one.metadata["most"]
    kind = "a whole number" if type(least) is int else "a number"
    unit = unit_of(one.name)
    ending = "" if unit == "count" else f" ({unit})"
    return f"{kind} from {least:,} to {most:,}{ending}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of everything one client, one user and one page may have.

    Raises `ConfigError` for a value out of its range.
    """

    frame_bytes: int = number(64 * KIB, 1, 64 * MIB)
    """A text frame from a client, and the body of a POST; a larger one closes 4413."""
    body_chars: int = number(2_000, 1, 1_000_000)
    """A comment, after trimming."""
    anchor_bytes: int = number(900, 1, MIB)
    """An anchor, as JSON."""
    url_id_chars: int = number(512, 1, 1_000)
    """A page's id, from clients and from the host's own calls."""
    comments_per_minute: int = number(20, 1, MANY)
    """Per user, also the burst. Retries of what was committed are free."""
    comments_per_minute_per_address: int | None = number(None, 1, MANY)
    """Of all users from one address, also the burst; None: ten times `comments_per_minute`. Counts
    where an address means a person: behind `trusted_proxies`, or a public one without any trace of
    a proxy."""
    comments_per_minute_per_tenant: int | None = number(None, 1, MANY)
    """Of all users of one tenant, also the burst; None: fifty times `comments_per_minute`."""
    reads_per_second: int = number(50, 1, MANY)
    """Subscriptions and HTTP reads of one user; the burst is ten times that. Ten times as much from
    one address, a hundred times in one tenant."""
    operations_per_second: int = number(20, 1, MANY)
    """Per user, also the burst."""
    frames_per_10_seconds: int = number(200, 1, MANY)
    """Per connection; more closes 4529."""
    connections_per_user: int = number(50, 1, MANY)
    """Of one user in one tenant, at this process; more are closed 4529."""
    connections_per_address: int | None = number(None, 1, MANY)
    """At this process; more are refused with 429. Off until `trusted_proxies` is set: behind a
    proxy everyone has the proxy's address. Of IPv6 the /64 counts, which is what one visitor
    has."""
    pages_per_connection: int = number(128, 1, MANY)
    """Subscriptions of one connection; one more is refused with `too-many`."""
    chats_per_page: int = number(2_000, 1, MANY)
    """Annotations of one page; one more is refused with `too-many`."""
    comments_per_chat: int = number(1_000, 1, MANY)
    """Comments of one annotation; one more is refused with `too-many`."""
    deletions_per_page: int = number(20_000, 1, MANY)
    """Chats and comments of one page that were deleted within `Timing.dedupe_days`, whose ids are
    remembered; with more, new ones are refused with `too-many`."""
    bytes_per_page: int = number(32 * MIB, 1, 16 * 1024 * MIB)
    """All current chats and comments of one page in memory; more is refused with `quota`."""
    people_listed: int = number(0, 0, 500)
    """People on a page whose names, pictures and ids all who read it are told; a page with more of
    them tells how many. 0: names are never told."""
    reactions_per_comment: int = number(20, 1, MANY)
    """Different emoji on one comment."""
    users_per_reaction: int = number(200, 1, MANY)
    """People behind one emoji of one comment."""
    log_events: int = number(10_000, 0, MANY)
    """Kept per page, or `Timing.log_days`, whichever is more; the last one always."""

    def __new__(cls, **given: object) -> Limits:
        """Says where a field has gone that was here once."""
        for name in given:
            if name in Tuning.__dataclass_fields__:
                raise ConfigError(
                    f"Limits has no {name} any more: it is inner tuning, "
                    f"CollabChat(tuning=Tuning({name}=…))"
                )
        return object.__new__(cls)

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long everything may take.

    Raises `ConfigError` for a value out of its range, infinity and NaN included.
    """

    ping_seconds: float = number(25.0, 0.01, 3_600.0)
    """Of quiet, after which the server pings."""
    silence_seconds: float = number(10.0, 0.01, 3_600.0)
    """Added to `ping_seconds`: nothing received for that long closes 4508."""
    hello_seconds: float = number(10.0, 0.01, 3_600.0)
    """From `accept` to the first frame; later closes 4508."""
    send_seconds: float = number(10.0, 0.01, 3_600.0)
    """A `send` that takes longer is dead."""
    slow_seconds: float = number(30.0, 0.01, 3_600.0)
    """Waiting for so long without one answered ping closes 4509."""
    hook_seconds: float = number(5.0, 0.01, 3_600.0)
    """A hook that takes longer has failed: `unavailable`, or 4503 where it is `authenticate`."""
    batch_seconds: float = number(0.1, 0.0, 10.0)
    """The longest that an event waits for company."""
    presence_seconds: float = number(1.0, 0.01, 3_600.0)
    """Between two `presence` frames of a page, at least."""
    presence_grace_seconds: float = number(5.0, 0.0, 3_600.0)
    """How long a person still counts after their last connection has gone."""
    heartbeat_seconds: float = number(15.0, 0.01, 3_600.0)
    """Between two signs of life that this process gives to the others."""
    expiry_seconds: float = number(40.0, 0.01, 86_400.0)
    """After its last heartbeat the people of a process are no longer counted. More than
    `heartbeat_seconds`."""
    sweep_seconds: float = number(5.0, 0.01, 86_400.0)
    """Between two comparisons of the open pages with the storage. Less than the log is kept."""
    usage_flush_seconds: float = number(10.0, 0.01, 86_400.0)
    """Between two reports of usage: what a crash may lose at most."""
    backend_seconds: float = number(2.0, 0.01, 3_600.0)
    """Bound of a storage or pub/sub call that names none of its own (SQLite: 5)."""
    revalidate_seconds: float = number(60.0, 0.01, 86_400.0)
    """Between two questions to `authenticate` about one connection, on average: how long a logout
    may take to reach an open socket."""
    dedupe_days: float = number(7.0, 0.01, 36_500.0)
    """How long the same `broadcastId` is the same operation. The protocol promises 7."""
    log_days: float = number(7.0, 0.0, 36_500.0)
    """How long events are kept, or `Limits.log_events`, whichever is more."""
    anonymous_read_days: float = number(180.0, 1.0, 36_500.0)
    """How long it is known how far somebody has read who is known by their browser alone
    (`anonymous_id`), after they last read on; a day more at most."""
    typing_seconds: float = number(3.0, 0.0, 3_600.0)
    """Between two `typing` frames of one user on one page, at least."""
    drain_seconds: float = number(5.0, 0.0, 86_400.0)
    """Clients that are sent away come back spread over so long."""

    def __post_init__(self) -> None:
        _check(self)
        if self.expiry_seconds <= self.heartbeat_seconds:
            raise ConfigError(
                f"Timing(expiry_seconds={self.expiry_seconds!r}) must be more than "
                f"heartbeat_seconds={self.heartbeat_seconds!r}: people of other processes would "
                "come and go between two heartbeats"
            )
        kept = max(self.log_days, self.dedupe_days) * 86_400
        if self.sweep_seconds >= kept:
            raise ConfigError(
                f"Timing(sweep_seconds={self.sweep_seconds!r}) must be less than the {kept:g} "
                f"seconds of log_days={self.log_days!r} or dedupe_days={self.dedupe_days!r}, "
                "whichever is longer: what a page is compared by would be dropped before it is"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How this release does its work. No promise: fields change and go with any release.

    Raises `ConfigError` for a value out of its range.
    """

    hello_bytes: int = number(8 * KIB, 1, MIB)
    """The first frame; a larger one closes 4413."""
    header_bytes: int = number(32 * KIB, KIB, MIB)
    """Header lines of a WebSocket, which are kept as long as it lives; more are answered 431."""
    invalid_frames_per_10_seconds: int = number(20, 1, MANY)
    """Per connection; the last of them closes 4400."""
    inbox_frames: int = number(256, 1, MANY)
    """Frames of one connection that wait for a hook; more closes 4529."""
    snapshot_frame_bytes: int = number(64 * KIB, 1, 64 * MIB)
    """About one `snapshot` frame."""
    snapshot_bytes: int = number(256 * KIB, 1, 1024 * MIB)
    """A larger page is fetched over HTTP (`load: true`)."""
    ring_frames: int = number(512, 1, MANY)
    """The last frames of a page, from which slow and returning readers are served."""
    ring_bytes: int = number(MIB, 1, 1024 * MIB)
    """All of them together."""
    replies_waiting: int = number(64, 1, MANY)
    """Acks and errors that wait for one slow socket; more closes 4509."""
    window_bytes: int = number(MIB, 1, 1024 * MIB)
    """Sent and not yet confirmed by a pong. At least three times `ping_bytes`."""
    ping_bytes: int = number(64 * KIB, 1, 1024 * MIB)
    """Sent between two pings."""
    idle_pages: int = number(1_000, 0, MANY)
    """Pages kept in memory with nobody on them."""
    idle_bytes: int = number(256 * MIB, 0, 1024 * 1024 * MIB)
    """What those pages may weigh together, as `Limits.bytes_per_page` counts."""
    queued_operations: int = number(10_000, 1, MANY)
    """Waiting for the committer in this process; more are answered `unavailable`."""

    def __post_init__(self) -> None:
        _check(self)
        if self.window_bytes < 3 * self.ping_bytes:
            raise ConfigError(
                f"Tuning(window_bytes={self.window_bytes}) must be at least three times "
                f"ping_bytes={self.ping_bytes}: two pings and what is sent between them, "
                "or nothing is ever sent"
            )
