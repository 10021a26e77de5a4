"""HOOKS.md: every block of code runs, and every table is true of the code."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from collabchat_asgi import (
    AccessRequest,
    Action,
    CollabChat,
    ConnectRequest,
    Denied,
    Identity,
    Timing,
    UsageReport,
)
from collabchat_asgi.core.model import OPERATIONS
from collabchat_asgi.hooks.calls import BUDGETS
from collabchat_asgi.testing import FakeClock, HandshakeRefused, TestClient
from collabchat_asgi.testing.operations import (
    add_comment,
    anchor,
    create_chat,
    move_anchor,
    new_id,
    resolve_chat,
)
from tests.asgi.driver import until

PAGE = (Path(__file__).parents[1] / "collabchat_asgi" / "HOOKS.md").read_text()
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def code(section: str, language: str = "python") -> str:
    return "\n\n".join(re.findall(rf"```{language}\n(.*?)```", SECTIONS[section], re.DOTALL))


def run(section: str) -> Any:
    """What a section's code has defined."""
    names: dict[str, Any] = {"__name__": "hooks_page"}
    exec(compile(code(section), f"HOOKS.md, {section}", "exec", dont_inherit=True), names)
    return SimpleNamespace(**names)


def rows(section: str) -> list[list[str]]:
    """The cells of its table, without the head."""
    lines = [line for line in SECTIONS[section].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def known(request: ConnectRequest) -> Identity:
    role = {"mod": "moderator", "adm": "admin"}.get(request.token or "", "commenter")
    return Identity(request.token or "", tenants={"acme": role})  # type: ignore[dict-item]


def collab(**hooks: Any) -> TestClient:
    return TestClient(CollabChat(**{"authenticate": known, "storage": "memory://", **hooks}))


def test_every_section_with_code_is_run_here() -> None:
    source = Path(__file__).read_text()
    for section, text in SECTIONS.items():
        if "```" in text:
            assert f'run("{section}")' in source or f'code("{section}"' in source, section


async def test_who_somebody_is() -> None:
    page = run("Who somebody is")
    async with TestClient(page.collab) as client:
        ann = await client.connect(cookies={"sid": "3f9c"})
        assert ann.welcome["user"] == {"id": "7", "name": "Ann"}
    with pytest.raises(Denied):
        await page.authenticate(ConnectRequest(cookies={"sid": "?"}))


async def test_another_site_is_refused_before_any_hook_is_asked() -> None:
    def authenticate(request: ConnectRequest) -> Identity:
        raise AssertionError("asked")

    origin = "https://evil.example"
    async with collab(authenticate=authenticate) as client:
        with pytest.raises(HandshakeRefused):
            await client.open(origin=origin)
        body = {"urlId": "/p", **create_chat()}
        answer = await client.http.post("v1/ops", body, headers={"Origin": origin})
        assert (answer.status, answer.json()["code"]) == (403, "forbidden")
    async with collab() as client:
        answer = await client.http.get("v1/chats", urlId="/p", headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("row", rows("Page ids"), ids=lambda row: row[0][:50])
def test_page_ids_are_seen_as_the_table_says(row: list[str]) -> None:
    _, _, url_id, path, origin = [cell.strip("`") for cell in row]
    access = AccessRequest(
        Identity("a", tenants={}), "read", "acme", "" if url_id == "(empty)" else url_id
    )
    assert (str(access.path), str(access.origin)) == (path, origin)


CUT = ("/articles/" + "%E4%B8%AD" * 60)[:495] + "~0123456789abcdef"
"""As the widget sends it: within an escape of the last character."""


@pytest.mark.parametrize(
    ("url_id", "readers"),
    [
        ("/articles/1", ["bob", "mod"]),
        ("/articles", ["bob", "mod"]),
        pytest.param(CUT, ["bob", "mod"], id="a long address, cut in an escape"),
        ("/drafts", ["mod"]),
        ("/drafts/", ["mod"]),
        ("/drafts/1", ["mod"]),
        ("/d%72afts/1", ["mod"]),
        ("https://shop.example/drafts/1", []),
        ("https://evil.example/articles/1", []),
        ("/draftsmen/1", []),
        ("/Drafts/1", []),
        ("/articlesque", []),
        ("/articles/../drafts/1", []),
        ("/articles/%2e%2e/drafts/1", []),
        ("//drafts/1", []),
        ("/%2Fdrafts/1", []),
        ("/articles\\..\\drafts/1", []),
        ("/elsewhere", []),
        ("handbook", []),
    ],
)
async def test_the_rule_on_pages_holds(url_id: str, readers: list[str]) -> None:
    async with collab(authorize=run("Page ids").authorize) as client:
        may = []
        for who in ("bob", "mod"):
            person = await client.connect(token=who)
            await person.send({"type": "subscribe", "urlId": url_id})
            frame = await person.next_frame(5)
            assert frame is not None
            if frame["type"] == "subscribed":
                may.append(who)
            else:
                assert frame["code"] == "forbidden"
        assert may == readers


async def test_the_rule_on_pages_lets_only_admins_see_usage() -> None:
    async with collab(authorize=run("Page ids").authorize) as client:
        days = {"from": "2026-01-01", "to": "2026-01-02"}
        for who, status in (("bob", 403), ("mod", 403), ("adm", 200)):
            client.token = who
            assert (await client.http.get("v1/usage", headers=None, **days)).status == status


def test_all_actions_and_operations_are_there() -> None:
    assert {row[0].strip("`") for row in rows("Actions")} == set(get_args(Action))
    told = re.findall(r"`([a-z]+-[a-z]+)`", " ".join(row[0] for row in rows("Operations")))
    assert set(told) == {str(kind.__struct_config__.tag) for kind in OPERATIONS}


async def test_each_question_is_asked_when_the_table_says() -> None:
    asked: list[tuple[str, bool, str]] = []

    def authorize(access: AccessRequest) -> bool:
        asked.append((access.action, access.operation is not None, access.url_id))
        return True

    def taken() -> list[tuple[str, bool, str]]:
        found, asked[:] = list(asked), []
        return found

    async with collab(authorize=authorize) as client:
        ann, mod = await client.connect(token="ann"), await client.connect(token="mod")
        await ann.subscribe("/p")
        offered = [(action, False, "/p") for action in ("read", "comment", "moderate")]
        assert taken() == offered
        chat = (await ann.do(create_chat()))["chatId"]
        assert taken() == [("comment", True, "/p")]
        await ann.send({"type": "typing", "urlId": "/p", "chatId": chat})
        await ann.ping()
        assert taken() == []
        await mod.do({"type": "delete-chat", "chatId": chat}, "/p")
        assert taken() == [("moderate", True, "/p")]
        client.token = "ann"
        for call in ("chats", "events"):
            await client.http.get(f"v1/{call}", urlId="/p")
            assert taken() == [("read", False, "/p")]
        await client.http.get(
            "v1/usage", headers=None, **{"from": "2026-01-01", "to": "2026-01-02"}
        )
        assert taken() == [("view-usage", False, "")]


async def test_only_who_began_it_resolves_it() -> None:
    async with collab(authorize=run("Operations").authorize) as client:
        ann, bob, mod = [await client.connect(token=who) for who in ("ann", "bob", "mod")]
        chat = (await ann.do(create_chat(), "/p"))["chatId"]
        await bob.do(add_comment(chat), "/p")
        assert (await bob.refused(resolve_chat(chat), "/p"))["code"] == "forbidden"
        await ann.do(resolve_chat(chat), "/p")
        await mod.do(resolve_chat(chat), "/p")


@pytest.mark.parametrize(
    ("url_id", "readers"),
    [
        ("/teams/docs", ["7", "8"]),
        ("/teams/docs/plan", ["7", "8"]),
        ("/teams/sales/plan", ["8"]),
        ("/teams/docs/../sales", []),
        ("/teams/none", []),
        ("/teams", []),
        ("https://evil.example/teams/docs", []),
    ],
)
async def test_a_team_has_its_pages(url_id: str, readers: list[str]) -> None:
    async with collab(authorize=run("Groups").authorize) as client:
        may = []
        for who in ("7", "8", "9"):
            person = client.browser(token=who)
            answer = await person.http.get("v1/chats", urlId=url_id)
            assert answer.status in (200, 403)
            may += [who] if answer.status == 200 else []
        assert may == readers


async def test_who_left_a_team_is_off_its_pages_after_a_minute() -> None:
    page, clock = run("Groups"), FakeClock()
    async with collab(authorize=page.authorize, clock=clock) as client:
        seven = await client.connect(token="7")
        await seven.subscribe("/teams/docs")
        page.MEMBERS["docs"].remove("7")
        clock.advance(1.2 * Timing().revalidate_seconds)
        await seven.expect("unsubscribed", urlId="/teams/docs", reason="forbidden")


async def test_texts_are_changed_before_they_are_said() -> None:
    async with collab(before_commit=run("Changing what is said").before_commit) as client:
        ann = await client.connect(token="ann")
        await ann.subscribe("/p")
        chat = (await ann.do(create_chat("mine is 4111111111111111")))["chatId"]
        event = await ann.expect_event("new-text-chat")
        assert event["chat"]["comment"]["body"] == "mine is [card number]"
        await ann.do(resolve_chat(chat))


@pytest.mark.parametrize("part", ["exact", "prefix", "suffix"])
async def test_quotes_are_refused_that_nobody_wants(part: str) -> None:
    bad, good = anchor(), anchor()
    bad["selector"][0][part] = "4111111111111111"
    async with collab(before_commit=run("Changing what is said").before_commit) as client:
        ann = await client.connect(token="ann")
        refusal = await ann.refused(create_chat(anchor=bad), "/p")
        assert refusal["message"] == "Mark a passage without a card number"
        chat = (await ann.do(create_chat(anchor=good), "/p"))["chatId"]
        assert (await ann.refused(move_anchor(chat, bad), "/p"))["code"] == "forbidden"
        await ann.do(move_anchor(chat, good), "/p")


def spent(page: Any) -> int:
    return int(page.database.execute("select count(*) from spent").fetchone()[0])


async def test_a_quota_is_exact_and_counts_a_retry_once() -> None:
    page = run("Quota")
    async with collab(before_commit=page.before_commit) as client:
        ann = await client.connect(token="ann")
        first = create_chat()
        ack = await ann.do(first, "/p")
        await ann.do(add_comment(ack["chatId"]), "/p")
        assert (await ann.do(first, "/p"))["seq"] == ack["seq"]
        await ann.do(add_comment(ack["chatId"]), "/p")
        refusal = await ann.refused(add_comment(ack["chatId"]), "/p")
        assert refusal["code"] == "forbidden"
        assert refusal["message"] == "That was all for today"
        assert (await ann.do(first, "/p"))["seq"] == ack["seq"]
        await ann.do(resolve_chat(ack["chatId"]), "/p")
    assert spent(page) == page.MOST


async def test_one_id_on_many_pages_is_as_many_places() -> None:
    page = run("Quota")
    same = create_chat()
    async with collab(before_commit=page.before_commit) as client:
        ann, bob = await client.connect(token="ann"), await client.connect(token="bob")
        answers = [await ann.ask(same, f"/p{number}") for number in range(10)]
        assert [answer["type"] for answer in answers] == ["ack"] * 3 + ["error"] * 7
        assert {answer["code"] for answer in answers[3:]} == {"forbidden"}
        # Another's id is a place of one's own, and takes none of theirs.
        assert (await bob.refused(same, "/p0"))["code"] == "conflict"
        assert spent(page) == 4
        others = [await bob.ask(same, f"/q{number}") for number in range(4)]
        assert [answer["type"] for answer in others] == ["ack"] * 2 + ["error"] * 2
        # Nor does another text under an id that was used already cost nothing and get through.
        again = {**create_chat("another"), "broadcastId": same["broadcastId"]}
        assert (await ann.refused(again, "/p0"))["code"] == "conflict"


async def test_a_place_that_was_spent_and_refused_stays_spent() -> None:
    page = run("Quota")
    async with collab(before_commit=page.before_commit) as client:
        ann = await client.connect(token="ann")
        lost = add_comment(new_id())
        for _ in range(2):
            assert (await ann.refused(lost, "/p"))["code"] == "not-found"
        assert spent(page) == 1


async def test_a_quota_begins_anew_each_day() -> None:
    page, clock = run("Quota"), FakeClock()
    page.before_commit.__globals__["today"] = lambda: clock.utc().date().isoformat()
    async with collab(before_commit=page.before_commit, clock=clock) as client:
        ann = await client.connect(token="ann")
        for _ in range(page.MOST):
            await ann.do(create_chat(), "/p")
        late = create_chat()
        await ann.refused(late, "/p")
        clock.skew(86_400_000)
        await ann.do(late, "/p")
        for _ in range(page.MOST - 1):
            await ann.do(create_chat(), "/p")
        await ann.refused(create_chat(), "/p")


async def test_a_bill_is_written_once() -> None:
    page = run("Usage and bills")
    async with collab(on_usage=page.on_usage) as client:
        ann = await client.connect(token="ann")
        await ann.do(create_chat(), "/p")
    [(bytes_billed,)] = page.database.execute("select bytes from bill").fetchall()
    assert bytes_billed > 0
    report = UsageReport("r", "acme", None, "2026-01-01", {"pubSubBandwidth": 5})
    page.on_usage([report, report])
    page.on_usage([report])
    assert page.database.execute("select count(*) from bill").fetchone() == (2,)


async def test_a_bill_is_written_for_who_only_wrote_over_http() -> None:
    page = run("Usage and bills")
    served = CollabChat(authenticate=known, on_usage=page.on_usage, storage="memory://")
    async with TestClient(served, token="ann") as client:
        await client.connect()  # and never subscribes
        clock_only = UsageReport("r", "acme", None, "2026-01-01", {"connectionSeconds": 5})
        page.on_usage([clock_only])
        await client.http.post("v1/ops", {"urlId": "/p", **create_chat()})
        await served.flush_usage()
    bills = page.database.execute("select tenant, bytes > 0 from bill order by bytes").fetchall()
    assert bills[:2] == [("acme", 0), ("acme", 1)]


async def test_events_are_told() -> None:
    page = run("Events")
    async with collab(on_event=page.on_event) as client:
        ann = await client.connect(token="ann")
        await ann.do(create_chat("hello"), "/p")
        await until(lambda: page.MAIL == [" on /p: hello"], f"a mail, not {page.MAIL}")


async def test_a_token_of_ones_own_is_taken() -> None:
    page = run("Tokens")
    async with TestClient(page.collab) as client:
        ann = await client.connect(token=page.token_for(7, "Ann"))
        assert ann.welcome["user"] == {"id": "7", "name": "Ann"}
        assert 0 < ann.welcome["expiresInMs"] <= 15 * 60_000


async def test_a_ticket_is_good_in_one_browser() -> None:
    page = run("Tickets")
    ticket = page.ticket_for("ann")
    async with TestClient(CollabChat(authenticate=page.authenticate, storage="memory://")) as mine:
        await mine.connect(token=ticket, visitor_id="a" * 32)
        await mine.connect(token=ticket, visitor_id="a" * 32)
        browser = mine.browser(token=ticket, visitor_id="a" * 32)
        assert (await browser.http.get("v1/chats", urlId="/p")).status == 200
    for visitor in ("b" * 32, None):
        with pytest.raises(Denied):
            await page.authenticate(ConnectRequest(token=ticket, visitor_id=visitor))
    late = page.ticket_for("ann")
    page.TICKETS[late].made -= timedelta(minutes=1)
    with pytest.raises(Denied):
        await page.authenticate(ConnectRequest(token=late, visitor_id="a" * 32))


async def test_a_ticket_wins_over_a_cookie_and_ends() -> None:
    page = run("Tickets")
    cookies, visitor = {"sid": "3f9c"}, "a" * 32
    assert (await page.authenticate(ConnectRequest(cookies=cookies))).user_id == "ann"
    ticket = page.ticket_for("bob")
    bob = await page.authenticate(ConnectRequest(None, ticket, visitor, cookies))
    assert bob.user_id == "bob"
    assert bob.expires_at == page.TICKETS[ticket].made + timedelta(hours=8)
    for token in ("", "no such ticket"):
        with pytest.raises(Denied):
            await page.authenticate(ConnectRequest(None, token, visitor, cookies))
    page.TICKETS[ticket].made -= timedelta(hours=9)
    async with TestClient(CollabChat(authenticate=page.authenticate, storage="memory://")) as mine:
        browser = mine.browser(token=ticket, visitor_id=visitor, cookies=cookies)
        assert (await browser.http.get("v1/chats", urlId="/p")).status == 401
        socket = await browser.open()
        await socket.send({**socket.dial.hello})
        await socket.expect_close(4401)


def test_the_budgets_are_as_said() -> None:
    said = SECTIONS["Sync hooks"]
    assert (
        "16 for `authenticate`, `authorize`, `before_commit`, 4 for `on_event`, `on_usage`, `quota`"
        in said
    )
    assert list(BUDGETS.values()) == [16, 16, 16, 4, 4, 4]


def test_tests_of_ones_own_run_in_a_project_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(code("Tests of your own", "ini"))
    (tmp_path / "test_mine.py").write_text(code("Tests of your own"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "8 passed" in done.stdout, done.stdout
    assert "warning" not in (done.stdout + done.stderr).lower(), done.stdout + done.stderr
