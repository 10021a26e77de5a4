"""The list of settings is the code's, and whole."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path

import pytest

from collabchat_asgi import CollabChat, Limits, Timing, Tuning
from collabchat_asgi.cli import main
from collabchat_asgi.commands.settings import described, document, field_docs
from collabchat_asgi.settings import VARIABLES

DOCUMENT = Path(__file__).parents[2] / "collabchat_asgi" / "SETTINGS.md"


def test_the_document_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """After a change: `python -m collabchat_asgi settings > collabchat_asgi/SETTINGS.md`."""
    assert main(["settings"]) == 0
    assert capsys.readouterr().out == DOCUMENT.read_text()


def test_every_argument_and_every_variable_is_told() -> None:
    told = described(inspect.getdoc(CollabChat) or "")
    assert list(told) == list(inspect.signature(CollabChat).parameters)
    assert set(VARIABLES.values()) < set(told)
    for name in [*told, *VARIABLES]:
        assert f"| `{name}` |" in document()


@pytest.mark.parametrize("cls", [Limits, Timing, Tuning])
def test_every_number_has_a_meaning_of_its_own(cls: type) -> None:
    docs = field_docs(cls)
    assert list(docs) == [one.name for one in fields(cls)]
    assert all(text.endswith(".") for text in docs.values())
    assert len(set(docs.values())) == len(docs)
