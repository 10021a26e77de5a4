"""Quotas of tenants and people: exact here, and over processes to within one flush."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from collabchat_asgi import (
    AccessRequest,
    CollabChat,
    ConnectRequest,
    Identity,
    Quota,
    QuotaRequest,
    Timing,
)
from collabchat_asgi.core.model import PageKey
from collabchat_asgi.core.usage import COUNTERS
from collabchat_asgi.engine.measuring.quotas import period_at, persons_row, tenants_row
from collabchat_asgi.errors import ConfigError, StorageUnavailable
from collabchat_asgi.hooks import default_policy
from collabchat_asgi.hooks.quota import as_hook
from collabchat_asgi.storage.abc import ReadBy
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.testing import FakeClock, TestClient
from collabchat_asgi.testing.operations import add_comment, create_chat

from .conftest import Start
from .harness import Clock, TroubledStorage, turns, until

DAY_MS = 86_400_000


def authenticate(request: ConnectRequest) -> Identity:
    name = request.token or ""
    return Identity(name, tenants=dict.fromkeys(("acme", "other"), "admin"))


def make(quota: Any, storage: MemoryStorage | None = None, **given: Any) -> CollabChat:
    return CollabChat(
        authenticate=authenticate,
        quota=quota,
        storage=storage or MemoryStorage(),
        pubsub="memory://",
        **given,
    )


async def flushed(*collabs: CollabChat) -> None:
    """Twice: what the first one has added, the second one reads."""
    for _ in range(2):
        for collab in collabs:
            collab._engine.meter.gather()
            await collab._engine.services.flush_quotas()


async def outcomes(socket: Any, count: int, page: str = "page") -> list[str]:
    made = [await socket.ask(create_chat(), page) for _ in range(count)]
    return [one.get("code", "ack") for one in made]


async def test_over_it_operations_are_refused_until_it_ends() -> None:
    clock = FakeClock()
    async with TestClient(make({"acme": Quota(operations=3)}, clock=clock)) as client:
        ann = await client.connect(token="ann", tenant="acme")
        bob = await client.connect(token="bob", tenant="acme")
        other = await client.connect(token="ann", tenant="other")
        first = create_chat()
        ack = await ann.do(first, "page")
        assert await outcomes(bob, 2) == ["ack", "ack"]
        refused = await ann.refused(create_chat(), "page")
        ends_ms = period_at(clock.now_ms(), "day")[1]
        assert (refused["code"], refused["retry"]) == ("quota", False)
        assert abs(refused["retryAfterMs"] - (ends_ms - clock.now_ms())) < 60_000
        assert "operations of this day are used up until" in refused["message"]
        assert (await ann.do(first, "page"))["seq"] == ack["seq"], "what is known is acked"
        assert await outcomes(other, 5) == ["ack"] * 5
        clock.advance(refused["retryAfterMs"] / 1000 + 1)
        again = await client.connect(token="ann", tenant="acme")
        assert await outcomes(again, 4) == ["ack", "ack", "ack", "quota"]


async def test_a_refused_operation_costs_nothing() -> None:
    async with TestClient(make(Quota(operations=2))) as client:
        ann = await client.connect(token="ann", tenant="acme")
        for _ in range(3):
            assert (await ann.ask(add_comment(create_chat()["chat"]["id"]), "p"))[
                "code"
            ] == "not-found"
        assert await outcomes(ann, 3, "p") == ["ack", "ack", "quota"]


async def test_many_at_once_are_not_too_many() -> None:
    async with TestClient(make(Quota(operations=7))) as client:
        sockets = [await client.connect(token=f"u{n}", tenant="acme") for n in range(4)]
        answers = await asyncio.gather(*(outcomes(one, 4, "p") for one in sockets))
        assert sum(one.count("ack") for one in answers) == 7


async def test_each_person_has_their_own() -> None:
    quota = Quota(each_user=Quota(operations=1), per="month")
    async with TestClient(make(quota)) as client:
        for name in ("ann", "bob"):
            one = await client.connect(token=name, tenant="acme")
            assert await outcomes(one, 2) == ["ack", "quota"]
        ann = await client.connect(token="ann", tenant="other")
        assert await outcomes(ann, 1) == ["ack"]


async def test_a_hook_says_whose_is_how_much() -> None:
    asked: list[QuotaRequest] = []

    def quota(request: QuotaRequest) -> Quota | None:
        asked.append(request)
        if request.user_id == "ann":
            return Quota(operations=2)
        return None if request.user_id else Quota(each_user=Quota(operations=1))

    async with TestClient(make(quota)) as client:
        ann = await client.connect(token="ann", tenant="acme")
        bob = await client.connect(token="bob", tenant="acme")
        assert await outcomes(ann, 3) == ["ack", "ack", "quota"]
        assert await outcomes(bob, 2) == ["ack", "quota"]
    assert QuotaRequest("acme") in asked


@pytest.mark.parametrize("answer", [None, 5, RuntimeError("no table")])
async def test_a_hook_that_fails_lets_nothing_through(answer: Any) -> None:
    def quota(request: QuotaRequest) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with TestClient(make(quota)) as client:
        ann = await client.connect(token="ann", tenant="acme")
        got = await ann.ask(create_chat(), "page")
        want = "ack" if answer is None else "unavailable"
        assert got.get("code", "ack") == want
        assert got.get("retry", False) is (answer is not None)


@pytest.mark.parametrize("how", ["raises", "hangs", "storage"])
async def test_a_table_that_cannot_be_read_is_one_line_and_hurts_nobody_else(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Who is known goes on by what is known here; who comes is told to try again."""

    class Flaky(MemoryStorage):
        async def usage(self, *given: Any) -> Any:
            if broken and how == "storage":
                raise StorageUnavailable("the usage table is gone")
            return await super().usage(*given)

    broken = False

    async def identify(request: ConnectRequest) -> Identity:
        return authenticate(request)

    async def table(request: QuotaRequest) -> Quota:
        if broken and how == "raises":
            raise RuntimeError("no table")
        if broken and how == "hangs":
            await asyncio.Event().wait()
        return Quota(operations=5)

    collab = CollabChat(
        authenticate=identify,
        quota=table,
        storage=Flaky(),
        pubsub="memory://",
        timing=Timing(hook_seconds=0.3),
    )
    async with TestClient(collab) as client:
        ann = await client.connect(token="ann", tenant="acme")
        assert await outcomes(ann, 3) == ["ack"] * 3
        broken = True
        for _ in range(2):
            await collab._engine.services.flush_quotas()
            assert await outcomes(ann, 1) == ["ack"]
        assert await outcomes(ann, 1) == ["quota"]
        late = await client.connect(token="late", tenant="other")
        told = await late.ask(begun := create_chat(), "page")
        assert (told["code"], told["retry"]) == ("unavailable", True)
        broken = False
        await late.do(begun, "page")
    lines = [record.getMessage() for record in caplog.records]
    [line] = [line for line in lines if "quota" in line]
    assert line.startswith("quotas failed" if how == "storage" else "hook quota failed"), lines


async def test_who_joins_reads_only_or_not_at_all() -> None:
    for over in ("read-only", "refuse"):
        async with TestClient(make(Quota(operations=1, over=over))) as client:
            ann = await client.connect(token="ann", tenant="acme")
            await ann.subscribe("page")
            assert await outcomes(ann, 1) == ["ack"]
            bob = await client.connect(token="bob", tenant="acme")
            await bob.send({"type": "subscribe", "urlId": "page"})
            if over == "refuse":
                assert (await bob.expect("error"))["code"] == "quota"
            else:
                told = await bob.expect("subscribed")
                assert (told["can"], told["seq"]) == ([], 1)


async def test_connections_pages_messages_and_bytes_count() -> None:
    quotas = {
        "connections": Quota(connections=1),
        "pages": Quota(pages=1),
        "messages": Quota(messages=4),
        "bandwidth": Quota(bandwidth=300),
    }
    for name, quota in quotas.items():
        collab = make(quota)
        async with TestClient(collab) as client:
            ann = await client.connect(token="ann", tenant="acme")
            assert await outcomes(ann, 1, "one") == ["ack"]
            assert await outcomes(ann, 1, "one") == ["ack"]
            if name == "pages":
                assert await outcomes(ann, 1, "two") == ["quota"]
                assert await outcomes(ann, 1, "one") == ["ack"]
                continue
            if name == "connections":
                bob = await client.connect(token="bob", tenant="acme")
                assert await outcomes(bob, 1, "one") == ["quota"]
                continue
            await ann.subscribe("one")
            assert await outcomes(ann, 1, "one") == ["ack"]
            await flushed(collab)
            assert await outcomes(ann, 1, "one") == ["quota"]


async def test_processes_know_of_each_other_after_a_flush() -> None:
    storage = MemoryStorage()
    collabs = [make(Quota(operations=6), storage) for _ in range(3)]
    sockets = []
    for collab in collabs:
        await collab.start()
        client = TestClient(collab)
        sockets.append(await client.connect(token="ann", tenant="acme"))
    assert [await outcomes(one, 1) for one in sockets] == [["ack"]] * 3
    await flushed(*collabs)
    assert await outcomes(sockets[0], 4) == ["ack", "ack", "ack", "quota"]
    await flushed(*collabs)
    for one in sockets[1:]:
        assert await outcomes(one, 1) == ["quota"]
    [row] = await storage.usage(tenants_row("acme"), "2000-01-01", "9999-12-31")
    assert row.counters["operations"] == 6
    for socket in sockets:
        await socket.close()
    for collab in collabs:
        await collab.close()


async def test_a_flush_that_fails_is_made_up_for() -> None:
    class Flaky(MemoryStorage):
        away = False

        async def add_usage(self, deltas: Any) -> None:
            await super().add_usage(deltas)
            if self.away:
                raise StorageUnavailable("answered too late")

    storage = Flaky()
    collab = make(Quota(operations=4), storage)
    async with TestClient(collab) as client:
        ann = await client.connect(token="ann", tenant="acme")
        assert await outcomes(ann, 2) == ["ack"] * 2
        storage.away = True
        await flushed(collab)
        assert await outcomes(ann, 1) == ["ack"]
        for _ in range(3):
            await flushed(collab)
        book = collab._engine.services.quotas
        assert book is not None
        assert len(book._unsent) == 1, "however long it takes"
        storage.away = False
        await flushed(collab)
        assert await outcomes(ann, 2) == ["ack", "quota"]
        await flushed(collab)
    [row] = await storage.usage(tenants_row("acme"), "2000-01-01", "9999-12-31")
    assert row.counters["operations"] == 4


async def test_who_does_nothing_is_let_go() -> None:
    collab = make(Quota(operations=4))
    async with TestClient(collab) as client:
        ann = await client.connect(token="ann", tenant="acme")
        assert await outcomes(ann, 3) == ["ack"] * 3
        book = collab._engine.services.quotas
        assert book is not None
        for _ in range(3):
            await flushed(collab)
        assert not book._standings
        assert await outcomes(ann, 2) == ["ack", "quota"], "what was used is in the storage"


async def test_it_is_told_beside_the_usage() -> None:
    collab = make(Quota(operations=10, bandwidth=10**6, per="month"))
    async with TestClient(collab, token="ann") as client:
        ann = await client.connect(token="ann", tenant="acme")
        assert await outcomes(ann, 2) == ["ack"] * 2
        given: Any = {"tenantId": "acme", "from": "2000-01-01", "to": "2000-01-02"}
        quota = (await client.http.get("v1/usage", **given)).json()["quota"]
        assert (quota["per"], quota["operations"]) == ("month", {"used": 2, "limit": 10})
        assert quota["endsAt"] == period_at(collab._engine.services.clock.now_ms(), "month")[1]
        assert "pages" not in quota
        await collab.flush_usage()
        rows = await collab.usage("acme", "2000-01-01", "2100-01-01")
        assert set(COUNTERS) < set(rows[0])


async def test_what_a_person_used_is_forgotten_with_them() -> None:
    collab = make(Quota(each_user=Quota(operations=5)))
    async with TestClient(collab) as client:
        ann = await client.connect(token="ann", tenant="acme")
        assert await outcomes(ann, 1) == ["ack"]
        await flushed(collab)
        row = persons_row("acme", "ann", await collab.storage.key())
        assert await collab.storage.usage(row, "2000-01-01", "9999-12-31")
        await collab.forget("ann")
        assert not await collab.storage.usage(row, "2000-01-01", "9999-12-31")


async def test_what_was_not_written_yet_is_forgotten_with_them_too() -> None:
    """What a process has gathered must not come after the call that forgets it."""
    collab = make(Quota(each_user=Quota(operations=5)))
    async with TestClient(collab) as client:
        ann = await client.connect(token="ann", tenant="acme")
        bob = await client.connect(token="bob", tenant="acme")
        await bob.do(create_chat(), "page")
        await ann.subscribe("page")
        await ann.do(create_chat(), "page")
        await ann.send({"type": "read", "urlId": "page", "seq": 1})
        await ann.ping()
        await collab.revoke(user_id="ann")
        await ann.expect_close(4403)
        await collab.forget("ann")
        await flushed(collab)
        await collab._engine.services.reading.store()
        row = persons_row("acme", "ann", await collab.storage.key())
        assert not await collab.storage.usage(row, "2000-01-01", "9999-12-31")
        by = ReadBy(PageKey("acme", "page"), "ann")
        assert not await collab.storage.read_up_to([by])


async def test_nobody_is_asked_whose_is_how_much_where_somebody_is_forgotten() -> None:
    hangs = False

    async def table(request: QuotaRequest) -> Quota:
        if hangs:
            await asyncio.Event().wait()
        return Quota(operations=5)

    collab = make(table, timing=Timing(hook_seconds=600))
    async with TestClient(collab) as client:
        ann = await client.connect(token="ann", tenant="acme")
        await ann.do(create_chat(), "page")
        hangs = True
        async with asyncio.timeout(5):
            assert (await collab.forget("ann"))["pages"] == 1
        hangs = False


async def test_who_is_forgotten_is_so_where_what_was_gathered_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A storage of somebody's own may fail in a way of its own."""
    collab = make(Quota(each_user=Quota(operations=5)))

    async def odd(*_: object) -> None:
        raise ValueError("this was not foreseen")

    async with TestClient(collab) as client:
        ann = await client.connect(token="ann", tenant="acme")
        await ann.subscribe("page")
        await ann.do(create_chat(), "page")
        with monkeypatch.context() as broken:
            for name in ("keep_read", "add_usage"):
                broken.setattr(collab.storage, name, odd)
            await ann.send({"type": "read", "urlId": "page", "seq": 1})
            await ann.ping()
            assert (await collab.forget("ann"))["pages"] == 1


def test_a_quota_that_cannot_be_is_said() -> None:
    for wrong, named in (
        (lambda: Quota(operations=-1), "operations"),
        (lambda: Quota(bandwidth=1.5), "bandwidth"),  # type: ignore[arg-type]
        (lambda: Quota(per="week"), "per"),  # type: ignore[arg-type]
        (lambda: Quota(over="never"), "over"),  # type: ignore[arg-type]
        (lambda: Quota(each_user=Quota(messages=5)), "messages"),
        (lambda: Quota(each_user=Quota(each_user=Quota())), "each_user"),
        (lambda: make(5), "quota"),
        (lambda: make({"acme": 5}), "quota"),
    ):
        with pytest.raises(ConfigError, match=named):
            wrong()


def test_periods_are_in_utc() -> None:
    noon = 1_796_083_199_999  # 2026-11-30T23:59:59.999Z
    day = period_at(noon, "day")
    assert day == ("2026-11-30", noon + 1)
    assert period_at(noon, "month") == ("2026-11-01", noon + 1)
    assert period_at(noon + 1, "month")[0] == "2026-12-01"
    assert period_at(noon + 1, "month")[1] == noon + 1 + 31 * DAY_MS


async def test_who_leaves_before_permission_is_asked_again_gives_the_place_back(
    start: Start,
) -> None:
    storage, clock = TroubledStorage(), Clock()
    hooks: Any = {"authorize": default_policy, "quota": as_hook(Quota(operations=3))}
    one = await start(storage, clock=clock, **hooks)
    other = await start(TroubledStorage(storage.inner), clock=clock)
    ann, bob, eve = [await one.join(name) for name in ("ann", "bob", "eve")]
    ack = await ann.do(create_chat())
    gate = storage.hold("commit")
    bob.operate(add_comment(ack["chatId"]))
    await until(lambda: gate.waiting)
    await (await other.join("dan")).do(add_comment(ack["chatId"]))
    bob.leave()
    gate.open()
    await turns()
    assert [await eve.ask(create_chat()) for _ in range(3)][-1]["code"] == "quota"
    assert len((await one.page()).state.chats) == 3


async def test_a_call_that_is_given_up_gives_its_place_back() -> None:
    """As a server or a time limit of the host's cancels it, while a hook is asked."""
    asked, hangs = asyncio.Event(), True

    async def before_commit(access: AccessRequest) -> Any:
        asked.set()
        if hangs:
            await asyncio.Event().wait()
        return access.operation

    collab = make(Quota(operations=1), before_commit=before_commit)
    async with TestClient(collab, token="ann") as client:
        body = {"urlId": "page", "tenantId": "acme", **create_chat()}
        given_up = asyncio.create_task(client.http.post("v1/ops", body))
        await asked.wait()
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        hangs = False
        assert (await client.http.post("v1/ops", body)).status == 200
