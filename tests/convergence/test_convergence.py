"""Two to five clients in Node, two real engines, and everything that goes wrong between them.

60 schedules; 2,000 with `TESTS_LONG=1`. `COLLABCHAT_SEED` is the first seed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from .proof import Report, run

STATIC = Path(__file__).parents[2] / "collabchat_asgi" / "static"
FIRST = int(os.environ.get("COLLABCHAT_SEED", "1"))
SCHEDULES = 2_000 if os.environ.get("TESTS_LONG") else 60

HAPPENS = {
    # A schedule in which nothing happened proves nothing. What must have happened, and in which
    # share of all schedules at least.
    "cuts": 0.7,
    "cuts that nobody was told of": 0.2,
    "reloads": 0.2,
    "reloads with a queue": 0.2,
    "tabs killed": 0.1,
    "processes killed": 0.2,
    "refusals": 0.5,
    "error forbidden": 0.3,
    "error not-found": 0.2,
    "error rate-limited": 0.05,
    "answers with retry: true": 0.2,
    "storage away": 0.2,
    "commits whose answer was lost": 0.05,
    "commits revised": 0.2,
    "rewrites": 0.15,
    "frames with merged events": 0.15,
    "epoch changes seen by a screen": 0.15,
    "trimmed": 0.15,
    "recovered": 0.3,
    "not recovered": 0.9,
    "load: true": 0.03,
    "sends that waited": 0.15,
    "hints dropped": 0.2,
    "hints repeated": 0.2,
    "hints delayed": 0.2,
    "texts given back": 0.4,
    "older comments read": 0.05,
    "pages left and opened again": 0.15,
}


@pytest.mark.timeout(3_600, method="signal")
def test_every_screen_ends_as_the_servers_page_and_no_word_is_lost() -> None:
    report = run(FIRST, SCHEDULES)
    print(report)
    assert not report.failures, str(report)
    assert report.schedules == SCHEDULES
    rare = {
        what: report.schedules_with[what]
        for what, share in HAPPENS.items()
        if report.schedules_with[what] < share * SCHEDULES
    }
    assert not rare, f"too seldom, of {SCHEDULES} schedules: {rare}"


def test_a_seed_says_everything() -> None:
    """Or a failing schedule could not be looked at again."""
    first, again = run(FIRST, 8, workers=1), run(FIRST + 4, 4, workers=1)
    assert not first.failures
    assert again.digests.items() <= first.digests.items()


FOLD = "this.page.fold(events)"
SEND = (
    "this.sender.send({ ...queued.operation, urlId: this.urlId, broadcastId: queued.broadcastId })"
)
MUTANTS = {
    "drops its own events": (
        "subscription.js",
        FOLD,
        "this.page.fold({ ...events, events: events.events.filter("
        "event => event.user.id !== this.#user?.id) })",
    ),
    "drops events that carry a broadcastId of its own": (
        "subscription.js",
        FOLD,
        "this.page.fold({ ...events, events: events.events.filter("
        "event => !this.outbox.holds(event.broadcastId)) })",
    ),
    "folds an event twice": ("subscription.js", FOLD, f"{FOLD}; {FOLD}"),
    "does not send again what was not acked": (
        "outbox.js",
        SEND,
        f"queued.once || (queued.once = {SEND})",
    ),
    "takes every answer for recovered": ("subscription.js", "frame.recovered === true", "true"),
}


@pytest.mark.parametrize("what", MUTANTS)
def test_a_broken_client_is_caught(what: str, tmp_path: Path) -> None:
    folder = tmp_path / "static"
    shutil.copytree(STATIC, folder)
    (folder / "package.json").write_text('{"type":"module"}')
    file, before, after = MUTANTS[what]
    broken = folder / "client" / file
    source = broken.read_text()
    assert source.count(before) == 1, f"{file} does not hold this once: {before}"
    broken.write_text(source.replace(before, after))
    report = _until_the_first_failure((folder / "client" / "client.js").as_uri())
    assert report.failures, f"{report.schedules} schedules have not caught it"
    failed = report.failures[0]["failed"]
    told = ("sees another page", "stands elsewhere", "never comes to rest", "was told", "lost:")
    assert any(part in failed for part in told), failed


def _until_the_first_failure(client: str) -> Report:
    return run(FIRST, 100, env={"COLLABCHAT_CLIENT": client, "FIRST_FAILURE": "1"}, workers=1)
