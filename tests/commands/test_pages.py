"""Which pages there are, and what is in one."""

from __future__ import annotations

import pytest

from .conftest import PAGES, Run


def test_every_page_with_its_position(filled: str, collabchat: Run) -> None:
    code, out, _ = collabchat("pages", "--storage", filled)
    assert code == 0
    told = sorted(tuple(line.split("\t")) for line in out.splitlines())
    assert told == sorted((key.tenant_id, "9", key.url_id) for key in PAGES)
    code, out, _ = collabchat("pages", "--storage", filled, "--tenant", "acme")
    assert len(out.splitlines()) == 2


def test_what_is_in_a_page(filled: str, collabchat: Run) -> None:
    code, out, _ = collabchat("page", "/drafts/1", "--tenant", "acme", "--storage", filled)
    assert code == 0
    told = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert told["head"].startswith("9, epoch ")
    assert told["log"].startswith("1 to 9, ")
    assert told["chats"] == "2, 1 of them resolved"
    assert told["comments"] == "3"
    assert told["people"] == "2 have written what is there"
    assert " bytes in " in told["size"]
    assert "edited" not in out, "no word of it"


@pytest.mark.parametrize("name", ["/drafts/2", ""])
def test_a_page_that_is_not_there(filled: str, collabchat: Run, name: str) -> None:
    code, _, err = collabchat("page", name, "--tenant", "acme", "--storage", filled)
    assert (code, "has no page" in err) == (1, True)
