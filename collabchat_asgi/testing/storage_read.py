"""What the tests ask of `keep_read`, `read_up_to`, `forget_read` and `trim_read`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from ..core.model import NOWHERE, PageKey
from ..core.text import anonymous_id
from ..errors import StorageError
from ..storage.abc import ReadBy, Storage
from .storage_acts import FAR_AHEAD, LONG_AGO, OTHER, PAGE, an_event, grow, later_ms, put

ANN, BOB = ReadBy(PAGE, "ann"), ReadBy(PAGE, "bob ж\u202e")
ANN_ELSEWHERE = ReadBy(OTHER, "ann")
STRANGER = ReadBy(PageKey("umbrella", PAGE.url_id), "ann")
VISITOR = ReadBy(PAGE, anonymous_id("acme", "a browser"))
NEARLY = ReadBy(PAGE, "Anon:1"), ReadBy(PAGE, "anon"), ReadBy(PAGE, "x anon:1")


class ReadingOn:
    """How far people have read is kept per user and page, beside the log, and never goes back."""

    async def test_read_positions_are_kept(self, storage: Storage, second: Storage) -> None:
        await grow(storage, 3)
        await put(storage, NOWHERE, an_event(), page=OTHER)
        assert await storage.read_up_to([ANN, BOB]) == {}
        await storage.keep_read({ANN: 2, BOB: 3, ANN_ELSEWHERE: 1})
        for one in (storage, second):
            asked = [ANN, BOB, ANN_ELSEWHERE, STRANGER, ReadBy(PAGE, "eve")]
            assert await one.read_up_to(asked) == {ANN: 2, BOB: 3, ANN_ELSEWHERE: 1}
        assert await storage.read_up_to([]) == {}
        await storage.keep_read({})

    async def test_a_name_that_no_utf8_has_is_refused_in_words(self, storage: Storage) -> None:
        """Half of a surrogate pair, as of a command line that is not UTF-8. Or it is kept."""
        await grow(storage, 3)
        nobody = ReadBy(PAGE, "\ud800")
        for refused in (
            storage.keep_read({nobody: 1}),
            storage.read_up_to([nobody]),
            storage.forget_read(PAGE.tenant_id, nobody.user_id),
        ):
            with suppress(StorageError):
                await refused
        await storage.keep_read({ANN: 2})
        assert await storage.read_up_to([ANN]) == {ANN: 2}

    async def test_read_positions_never_go_back(self, storage: Storage, second: Storage) -> None:
        await grow(storage, 3)
        await storage.keep_read({ANN: 2, BOB: 1})
        await second.keep_read({ANN: 1, BOB: 3})
        assert await storage.read_up_to([ANN, BOB]) == {ANN: 2, BOB: 3}

    async def test_nobody_has_read_what_is_not_there(self, storage: Storage) -> None:
        """As who had read the end that a failover lost."""
        await grow(storage, 3)
        await storage.keep_read({ANN: 9, BOB: 2})
        await grow(storage, 4)
        assert await storage.read_up_to([ANN, BOB]) == {ANN: 3, BOB: 2}

    async def test_reading_is_no_part_of_the_log(self, storage: Storage) -> None:
        head = await grow(storage, 3)
        loaded = await storage.load(PAGE)
        await storage.keep_read({ANN: 3})
        assert await storage.heads([PAGE]) == {PAGE: head}
        assert await storage.load(PAGE) == loaded
        while await storage.trim(before_ms=FAR_AHEAD, keep_events=0):
            pass
        assert await storage.read_up_to([ANN]) == {ANN: 3}

    async def test_an_unknown_page_has_no_readers(self, storage: Storage) -> None:
        await storage.keep_read({ANN: 1})
        assert await storage.read_up_to([ANN]) == {}

    async def test_an_erased_page_forgets_its_readers(self, storage: Storage) -> None:
        await grow(storage, 2)
        await storage.keep_read({ANN: 2})
        await storage.erase(PAGE)
        assert await storage.read_up_to([ANN]) == {}
        await grow(storage, 2)
        assert await storage.read_up_to([ANN]) == {}

    async def test_read_positions_move_with_their_page(self, storage: Storage) -> None:
        await grow(storage, 3)
        await storage.keep_read({ANN: 2, BOB: 3})
        copy = await storage.dump(PAGE)
        assert copy.read == {"ann": 2, BOB.user_id: 3}
        assert await storage.restore(OTHER, copy)
        assert await storage.read_up_to([ANN_ELSEWHERE]) == {ANN_ELSEWHERE: 2}
        assert await storage.restore(PAGE, replace(copy, read={"ann": 1}))
        assert await storage.read_up_to([ANN, BOB]) == {ANN: 1}

    async def test_one_persons_reading_is_forgotten(
        self, storage: Storage, second: Storage
    ) -> None:
        for page in (PAGE, OTHER, STRANGER.page):
            await put(storage, NOWHERE, an_event(), page=page)
        await storage.keep_read({ANN: 1, BOB: 1, ANN_ELSEWHERE: 1, STRANGER: 1})
        assert await storage.forget_read("acme", "ann") == 2
        asked = [ANN, BOB, ANN_ELSEWHERE, STRANGER]
        assert await second.read_up_to(asked) == {BOB: 1, STRANGER: 1}
        assert await storage.forget_read("acme", "ann") == 0

    async def test_many_at_once(self, storage: Storage) -> None:
        await grow(storage, 3)
        many = {ReadBy(PAGE, f"user-{number}"): number % 3 + 1 for number in range(2_100)}
        await storage.keep_read(many)
        assert await storage.read_up_to(many) == many

    async def test_visitors_who_never_came_again_are_dropped(
        self, storage: Storage, second: Storage
    ) -> None:
        for page in (PAGE, OTHER):
            await put(storage, NOWHERE, an_event(), page=page)
        known = dict.fromkeys((ANN, BOB, *NEARLY), 1)
        visitors = dict.fromkeys((VISITOR, ReadBy(OTHER, VISITOR.user_id)), 1)
        await storage.keep_read(known | visitors)
        for too_early in (LONG_AGO, later_ms()):
            assert await storage.trim_read(before_ms=too_early) == 0
        assert await second.read_up_to(known | visitors) == known | visitors
        assert await trimmed(second) == 2
        assert await storage.read_up_to(known | visitors) == known
        await storage.keep_read(visitors)
        assert await second.read_up_to(visitors) == visitors, "and is welcome again"

    async def test_visitors_leave_nothing_behind_to_drop(self, storage: Storage) -> None:
        await grow(storage, 1)
        await storage.keep_read({VISITOR: 1})
        assert await storage.forget_read("acme", VISITOR.user_id) == 1
        assert await trimmed(storage) == 0
        await storage.keep_read({VISITOR: 1})
        await storage.erase(PAGE)
        assert await trimmed(storage) == 0

    async def test_visitors_of_a_page_that_moved_are_dropped_too(self, storage: Storage) -> None:
        await grow(storage, 1)
        await storage.keep_read({VISITOR: 1, ANN: 1})
        assert await storage.restore(OTHER, await storage.dump(PAGE))
        assert await storage.trim_read(before_ms=later_ms()) == 0
        assert await trimmed(storage) == 2
        assert await storage.read_up_to([ANN, ANN_ELSEWHERE]) == {ANN: 1, ANN_ELSEWHERE: 1}

    async def test_many_visitors_are_dropped_in_parts(self, storage: Storage) -> None:
        await grow(storage, 1)
        many = dict.fromkeys((ReadBy(PAGE, f"anon:{number}") for number in range(2_100)), 1)
        await storage.keep_read({ANN: 1, **many})
        assert await trimmed(storage) == len(many)
        assert await storage.read_up_to({ANN: 1, **many}) == {ANN: 1}


async def trimmed(storage: Storage) -> int:
    """How many go, where everything is old."""
    total = 0
    while dropped := await storage.trim_read(before_ms=FAR_AHEAD):
        total += dropped
    return total
