"""What other programs exported comes in once, with its authors and times; what will not is said."""

from __future__ import annotations

import asyncio
import csv
import io
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from collabchat_asgi import Identity
from collabchat_asgi.commands import import_annotations
from collabchat_asgi.commands.foreign import page_of, threads
from collabchat_asgi.core.model import PageKey
from collabchat_asgi.testing.operations import anchor, create_chat, reopen_chat, resolve_chat

from .conftest import ANN, PAGES, Run, collab, settle_all

HYPOTHESIS: dict[str, Any] = {
    "total": 3,
    "rows": [
        {
            "id": "reply1", "user": "acct:bob@hypothes.is", "uri": "https://docs.example/a?x=1#y",
            "created": "2024-05-02T10:00:00.000000+00:00",
            "updated": "2024-05-02T11:00:00.000000+00:00",
            "text": "an answer", "tags": [], "references": ["root1"],
            "target": [{"source": "https://docs.example/a"}],
        },
        {
            "id": "root1", "user": "acct:ann@hypothes.is", "uri": "https://docs.example/a?x=1#y",
            "user_info": {"display_name": "Ann"},
            "created": "2024-05-01T10:00:00.000000+00:00",
            "updated": "2024-05-01T10:00:00.000000+00:00",
            "text": "a remark", "tags": ["todo"],
            "target": [{"source": "https://docs.example/a", "selector": [
                {"type": "RangeSelector", "startContainer": "/p[1]", "endContainer": "/p[1]",
                 "startOffset": 0, "endOffset": 9},
                {"type": "TextPositionSelector", "start": 4, "end": 13},
                {"type": "TextQuoteSelector", "exact": "quick fox", "prefix": "the ",
                 "suffix": " jumps"},
            ]}],
        },
        {
            "id": "lost", "user": "acct:bob@hypothes.is", "uri": "https://docs.example/a",
            "created": "2024-05-02T10:00:00+00:00", "updated": "2024-05-02T10:00:00+00:00",
            "text": "to nobody", "references": ["unknown"], "target": [],
        },
    ],
}  # fmt: skip

FASTCOMMENTS: list[dict[str, Any]] = [
    {"_id": "c1", "urlId": "article-7", "userId": "u9", "commenterName": "Cem",
     "comment": "=1+1 first", "date": "2024-05-01T10:00:00.000Z", "parentId": None},
    {"_id": "c2", "urlId": "article-7", "userId": "u8", "commenterName": "Dee",
     "comment": "x" * 2_100, "date": "2024-05-01T12:00:00.000Z", "parentId": "c1"},
]  # fmt: skip


def written(folder: Path, given: Any) -> str:
    path = folder / "given.json"
    path.write_text(json.dumps(given))
    return str(path)


def page(url: str, url_id: str) -> Any:
    async def read() -> Any:
        app = collab(url)
        try:
            return (await app.snapshot("acme", url_id))["chats"]
        finally:
            await app.close()

    return asyncio.run(read())


def test_hypothesis(url: str, tmp_path: Path, collabchat: Run) -> None:
    given = ("import", written(tmp_path, HYPOTHESIS), "--format", "hypothesis", "--tenant", "acme",
             "--storage", url, "--base", "https://docs.example")  # fmt: skip
    code, out, err = collabchat(*given)
    assert (code, "1 chats with 2 comments imported" in out, "1 left out" in out) == (1, True, True)
    assert "answers unknown" in err
    [chat] = page(url, "/a")
    assert [comment["body"] for comment in chat["comments"]] == ["a remark #todo", "an answer"]
    assert chat["createdBy"] == {"id": "ann@hypothes.is", "name": "Ann"}
    assert chat["createdAt"] == 1_714_557_600_000
    assert chat["comments"][1]["editedAt"] - chat["comments"][1]["createdAt"] == 3_600_000
    kinds = [one["type"] for one in chat["anchor"]["selector"]]
    assert kinds == ["TextPositionSelector", "TextQuoteSelector"]
    code, out, _ = collabchat(*given)
    assert "0 chats with 0 comments imported" in out
    assert "2 comments there already" in out
    assert page(url, "/a") == [chat]


def test_fastcomments_and_a_dry_run(url: str, tmp_path: Path, collabchat: Run) -> None:
    asyncio.run(settle_all(url, [(PageKey("acme", "other"), create_chat(), ANN)]))
    given = ("import", written(tmp_path, FASTCOMMENTS), "--format", "fastcomments",
             "--tenant", "acme", "--storage", url)  # fmt: skip
    code, out, err = collabchat(*given, "--dry-run")
    assert (code, "1 chats with 2 comments would be imported" in out) == (0, True)
    assert "about the page as a whole" in err
    assert "longer than 2000" in err
    assert page(url, "article-7") == []
    assert collabchat(*given)[0] == 0
    [chat] = page(url, "article-7")
    assert chat["anchor"]["selector"] == []
    assert len(chat["comments"][1]["body"]) == 2_000
    _, out, _ = collabchat("export", "--storage", url, "--format", "csv", "--page", "article-7")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["name"] for row in rows] == ["Cem", "Dee"]
    assert rows[0]["text"] == "'=1+1 first", "a spreadsheet works nothing out"


@pytest.mark.parametrize(
    ("given", "body"),
    [
        ({"comment": "one\n\ntwo\u0000 \u200fthree "}, "one\n\ntwo \u200fthree"),
        ({"comment": None, "commentHTML": "<p>Tom &amp; <b>J</b>erry<br>&lt;i&gt;</p><p>x</p>"},
         "Tom & Jerry\n<i>\nx"),
    ],
)  # fmt: skip
def test_lines_stay_lines(
    url: str, other: str, tmp_path: Path, collabchat: Run, given: Any, body: str
) -> None:
    one = written(tmp_path, [FASTCOMMENTS[0] | given])
    about = ("--tenant", "acme", "--storage")
    assert collabchat("import", one, "--format", "fastcomments", *about, url)[0] == 0
    (tmp_path / "out.jsonl").write_text(collabchat("export", "--storage", url)[1])
    out = str(tmp_path / "out.jsonl")
    assert collabchat("import", out, "--format", "w3c", *about, other)[0] == 0
    for storage in (url, other):
        assert page(storage, "article-7")[0]["comments"][0]["body"] == body


def test_what_says_nothing_is_named(url: str, tmp_path: Path, collabchat: Run) -> None:
    """A highlight of Hypothesis, which has no text of its own."""
    given = written(tmp_path, [HYPOTHESIS["rows"][1] | {"text": None, "tags": []}])
    code, out, err = collabchat("import", given, "--format", "hypothesis", "--tenant", "acme",
                                "--storage", url)  # fmt: skip
    assert (code, "0 comments" in out, "1 left out" in out) == (1, True, True)
    assert "says nothing" in err


def test_what_was_exported_comes_back(
    filled: str, other: str, tmp_path: Path, collabchat: Run
) -> None:
    _, out, _ = collabchat("export", "--storage", filled, "--tenant", "acme")
    path = tmp_path / "annotations.jsonl"
    path.write_text(out)
    given = ("import", str(path), "--format", "w3c", "--tenant", "acme", "--storage", other)
    assert collabchat(*given)[0] == 0
    encoded = "https://acme.example/docs?q=ä%20b"
    for url_id, there in ((PAGES[0].url_id,) * 2, (PAGES[1].url_id, encoded)):
        before, after = page(filled, url_id), page(other, there)
        for was, now in zip(before, after, strict=True):
            if was["createdBy"] != was["comments"][0]["author"]:
                # What it began with is gone, and is in no export.
                assert now["createdBy"] == was["comments"][0]["author"]
                now.update(createdBy=was["createdBy"], createdAt=was["createdAt"])
        for chat in (*before, *after):
            for comment in chat["comments"]:
                comment.pop("reactions", None)
            chat.pop("updatedAt")
            chat["anchor"].pop("length")
        assert after == before
    assert "0 chats with 0 comments" in collabchat(*given)[1]


def test_many_and_beside_others(url: str, tmp_path: Path, collabchat: Run) -> None:
    rows = [
        FASTCOMMENTS[0] | {"_id": f"n{number}", "comment": f"number {number}"}
        for number in range(450)
    ]
    given = ("import", written(tmp_path, rows), "--format", "fastcomments", "--tenant", "acme",
             "--storage", url)  # fmt: skip
    assert "450 chats with 450 comments imported" in collabchat(*given)[1]
    assert len(page(url, "article-7")) == 450


RESOLVED = {
    "id": "urn:uuid:0198b7a0-0000-7000-8000-000000000001", "type": "Annotation",
    "created": "2024-05-01T10:00:00Z", "creator": {"id": "ann"},
    "body": {"type": "TextualBody", "value": "a remark"}, "target": "/a",
    "collabchat:resolved": {"collabchat:by": {"id": "ann"},
                            "collabchat:at": "2024-05-02T10:00:00Z"},
}  # fmt: skip


def test_what_was_undone_here_stays_so(url: str, tmp_path: Path, collabchat: Run) -> None:
    """The page remembers that it was imported: given again, with more or alone, it is no news."""
    key, chat_id = PageKey("acme", "/a"), str(RESOLVED["id"]).removeprefix("urn:uuid:")
    more = RESOLVED | {"id": "urn:uuid:0198b7a0-0000-7000-8000-000000000002"}
    about = ("--format", "w3c", "--tenant", "acme", "--storage", url)
    assert collabchat("import", written(tmp_path, [RESOLVED]), *about)[0] == 0
    asyncio.run(settle_all(url, [(key, reopen_chat(chat_id), ANN)]))
    code, out, _ = collabchat("import", written(tmp_path, [RESOLVED, more]), *about)
    assert (code, out.partition(" imported")[0]) == (0, "1 chats with 1 comments")
    assert ["resolved" in chat for chat in page(url, "/a")] == [False, True]
    code, out, _ = collabchat("import", written(tmp_path, [RESOLVED]), *about)
    assert (code, "1 comments there already" in out) == (0, True)
    assert ["resolved" in chat for chat in page(url, "/a")] == [False, True]


@pytest.mark.parametrize(
    "odd",
    [{"created": 10**17}, {"created": 1e300}, {"target": 5}, {"target": None},
     {"target": {"source": []}}],
)  # fmt: skip
def test_what_no_page_could_show_is_no_annotation(
    url: str, tmp_path: Path, collabchat: Run, odd: Any
) -> None:
    given = written(tmp_path, [RESOLVED | odd])
    code, _, err = collabchat("import", given, "--format", "w3c", "--tenant", "acme",
                              "--storage", url)  # fmt: skip
    assert (code, "number 1 is no annotation of w3c" in err) == (1, True)


def selected(*selectors: Any, **target: Any) -> Any:
    return RESOLVED | {"target": {"source": "/a", "selector": [*selectors], **target}}


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "TextQuoteSelector", "exact": ""},
        {"type": "TextQuoteSelector", "exact": "a\0b"},
        {"type": "TextPositionSelector", "start": 9, "end": 4},
        {"type": "TextPositionSelector", "start": -1, "end": 2**60},
        {"type": "RangeSelector",
         "startSelector": {"type": "TextQuoteSelector", "exact": "x" * 5_000},
         "endSelector": {"type": "TextQuoteSelector", "exact": "y"}},
    ],
)  # fmt: skip
def test_what_no_client_could_send_is_no_anchor(
    url: str, tmp_path: Path, collabchat: Run, odd: Any
) -> None:
    good = {"type": "TextQuoteSelector", "exact": "fox"}
    given = written(tmp_path, [selected(odd, good)])
    about = ("--format", "w3c", "--tenant", "acme", "--storage", url)
    assert collabchat("import", given, *about)[0] == 0
    [chat] = page(url, "/a")
    assert [one["exact"] for one in chat["anchor"]["selector"]] == ["fox"]


def test_a_scope_comes_back(url: str, other: str, tmp_path: Path, collabchat: Run) -> None:
    made = create_chat(anchor={**anchor("fox"), "scope": "chapter ä#1"})
    asyncio.run(settle_all(url, [(PageKey("acme", "/a"), made, ANN)]))
    for base in ("https://docs.example", ""):
        _, out, _ = collabchat("export", "--storage", url, "--base", base)
        (tmp_path / "out.jsonl").write_text(out)
        target = f"{other}{len(base)}"
        assert collabchat("import", str(tmp_path / "out.jsonl"), "--format", "w3c", "--base", base,
                          "--tenant", "acme", "--storage", target)[0] == 0  # fmt: skip
        assert page(target, "/a")[0]["anchor"]["scope"] == "chapter ä#1"


def test_what_somebody_resolved_who_was_forgotten_comes_back(
    url: str, other: str, tmp_path: Path, collabchat: Run
) -> None:
    made = create_chat("stays")
    bob = Identity("bob", tenants={"acme": "commenter"})
    key = PageKey("acme", "/a")
    asyncio.run(settle_all(url, [(key, made, ANN), (key, resolve_chat(made["chat"]["id"]), bob)]))
    about = ("--tenant", "acme", "--storage")
    assert collabchat("forget", "--user", "bob", "--yes", "--no-purge", *about, url)[0] == 0
    (tmp_path / "out.jsonl").write_text(collabchat("export", "--storage", url)[1])
    out = str(tmp_path / "out.jsonl")
    assert collabchat("import", out, "--format", "w3c", *about, other)[0] == 0
    assert page(other, "/a")[0]["resolved"] == page(url, "/a")[0]["resolved"]


def test_a_page_may_be_called_like_a_bad_address(
    url: str, other: str, tmp_path: Path, collabchat: Run
) -> None:
    bad = "http://[oops"
    given = written(tmp_path, [RESOLVED | {"target": bad, "body": {"value": None}}, RESOLVED |
                               {"target": bad, "id": "urn:uuid:" + "0" * 36}])  # fmt: skip
    about = ("--format", "w3c", "--tenant", "acme", "--storage")
    assert "1 left out" in collabchat("import", given, *about, url)[1], "it says nothing"
    _, out, _ = collabchat("export", "--storage", url)
    (tmp_path / "back.jsonl").write_text(out)
    assert collabchat("import", str(tmp_path / "back.jsonl"), *about, other)[0] == 0
    assert len(page(other, bad)) == 1


def test_a_page_where_people_write_meanwhile(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before each part of it somebody else has written something: it is taken up again."""
    monkeypatch.setattr(import_annotations, "_AT_ONCE", 1)
    key = PageKey("acme", "/a")
    rows = [FASTCOMMENTS[0] | {"_id": f"n{number}"} for number in range(25)]

    async def bring_all() -> Any:
        app = collab(url)
        await app.submit(*key, create_chat(), identity=ANN)
        load, turn = app.storage.load, itertools.count()

        async def overtaken(page: PageKey) -> Any:
            loaded = await load(page)
            if next(turn) % 2 == 0:
                await app.submit(*key, create_chat(), identity=ANN)
            return loaded

        monkeypatch.setattr(app.storage, "load", overtaken)
        try:
            given = list(threads("fastcomments", rows))
            return await import_annotations.bring(app.storage, key, given, dry=False)
        finally:
            await app.close()

    assert asyncio.run(bring_all())["chats"] == 25


def test_words_that_are_not_in_the_text_are_told(url: str, tmp_path: Path, collabchat: Run) -> None:
    text = tmp_path / "page.txt"
    given = ("import", written(tmp_path, HYPOTHESIS), "--format", "hypothesis", "--tenant", "acme",
             "--storage", url, "--dry-run", "--text", str(text))  # fmt: skip
    asyncio.run(settle_all(url, [(PageKey("acme", "other"), create_chat(), ANN)]))
    text.write_text("the quick\n fox jumps")
    assert "will not anchor" not in collabchat(*given)[2]
    text.write_text("the lazy dog")
    assert "will not anchor" in collabchat(*given)[2]


@pytest.mark.parametrize("given", [[{"id": 1}], "text", [5], 5, None, {"items": None}])
def test_what_is_no_export_is_said(url: str, tmp_path: Path, collabchat: Run, given: Any) -> None:
    code, _, err = collabchat("import", written(tmp_path, given), "--format", "w3c",
                              "--tenant", "acme", "--storage", url)  # fmt: skip
    assert (code, "given.json" in err) == (1, True)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, collabchat: Run) -> None:
    about = ("--format", "w3c", "--tenant", "acme", "--storage", "memory://")
    for path, why in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a dir")):
        code, _, err = collabchat("import", str(path), *about)
        assert (code, err.count("\n")) == (1, 1)
        assert err.startswith(f"collabchat: {path}: {why}")


def test_what_cannot_be_read_to_its_end_is_named(tmp_path: Path) -> None:
    """A disk that breaks is no output without a place."""
    broken, given = "/proc/self/mem", written(tmp_path, [])
    latin = tmp_path / "latin.txt"
    latin.write_bytes("f\xfcnf".encode("latin-1"))
    about = ("--format", "w3c", "--tenant", "acme", "--storage", "memory://", "--dry-run")

    def told(*named: str, stdin: int | None = subprocess.DEVNULL, before: Any = None) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "collabchat_asgi", "import", *named, *about],
            stdin=stdin,
            capture_output=True,
            text=True,
            preexec_fn=before,
        )
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
        return done.stderr

    assert told(broken) == f"collabchat: {broken}: Input/output error\n"
    assert told(given, "--text", broken) == f"collabchat: {broken}: Input/output error\n"
    assert told(given, "--text", str(latin)).startswith(f"collabchat: {latin}: ")
    with open(broken, "rb") as opened:
        gone = told("-", stdin=opened.fileno())
    assert gone == "collabchat: the standard input: Input/output error\n"
    closed = told("-", stdin=None, before=lambda: os.close(0))
    assert closed == "collabchat: the standard input: it is closed\n"
    with open(latin, "rb") as opened:
        assert told("-", stdin=opened.fileno()).startswith("collabchat: the standard input: ")
    both = told("-", "--text", "-")
    assert both == "collabchat: the standard input cannot be both the file and --text\n"


def test_html_says_everything_and_runs_nothing(url: str, collabchat: Run) -> None:
    made = create_chat("<script>alert(1)</script>", anchor=anchor("<b>passage"))
    asyncio.run(settle_all(url, [(PAGES[0], made, ANN)]))
    _, out, _ = collabchat("export", "--storage", url, "--format", "html")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in out
    assert "&lt;b&gt;passage" in out
    assert "<script" not in out


def test_pages_are_called_as_the_widget_calls_them() -> None:
    assert page_of("https://docs.example/a/b?q#f", "https://docs.example") == "/a/b"
    assert page_of("https://docs.example", "https://docs.example") == "/"
    assert page_of("https://else.example/a?q#f", "https://docs.example") == "https://else.example/a"
    assert page_of("urn:collabchat:page:acme:%2Fa%3Fb", "") == "/a?b"
    assert page_of("article-7", "") == "article-7"
