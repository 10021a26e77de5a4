"""What developers start first, `flask run` and `manage.py runserver`, and what they are told."""

from __future__ import annotations

import re
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from collabchat_asgi import CollabChat
from collabchat_asgi.auth import anonymous
from collabchat_asgi.wsgi_servers import cure_under_wsgi

from .test_stopping import running

FLASK = {"FLASK_RUN_FROM_CLI": "true"}


@pytest.mark.parametrize(
    ("argv", "environ", "cure"),
    [
        (["/venv/bin/flask", "--app", "shop", "run", "--debug"], FLASK, "uvicorn module:asgi_app"),
        (["/x/flask/__main__.py", "run"], FLASK, "uvicorn module:asgi_app"),
        (["/venv/bin/flask", "shell"], FLASK, None),
        (["manage.py", "runserver", "8000"], {}, "uvicorn project.asgi:application"),
        (["/x/django/__main__.py", "runserver"], {}, "ASGI_APPLICATION"),
        (["manage.py", "migrate"], {}, None),
        (["/venv/bin/uvicorn", "run"], {}, None),
        (["run.py"], {}, None),
        ([], {}, None),
    ],
)
def test_which_servers_are_known(argv: list[str], environ: Any, cure: str | None) -> None:
    told = cure_under_wsgi(argv, environ)
    assert (told is None) is (cure is None)
    assert (cure or "") in (told or "")


def test_it_is_said_where_the_app_is_made(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "argv", ["manage.py", "runserver"])
    CollabChat(authenticate=anonymous(), storage="memory://", prefix="/notes")
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("collabchat cannot be reached: Django's runserver serves WSGI")
    assert "no /notes under it" in line


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def started(command: Sequence[str], listening: str) -> tuple[str, int, int]:
    """What it printed until it listened, and how it answers for the script and the socket."""
    with running([sys.executable, *command]) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if port := re.search(listening, line):
                break
        else:
            raise AssertionError(said)
        url = f"http://127.0.0.1:{port[1]}/collabchat/"
        return said, status_of(url + "widget.js"), status_of(url + "ws")


@pytest.mark.long
def test_flask_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLABCHAT_STORAGE", f"sqlite:///{tmp_path}/collabchat.db")
    command = ["-m", "flask", "--app", "examples.flask_app", "run", "--port", "0"]
    said, *answers = started(command, r"Running on http://127\.0\.0\.1:(\d+)")
    assert answers == [404, 404], "as the browser's console says of the script"
    assert said.count("flask run serves WSGI, so there is no /collabchat under it") == 1


@pytest.mark.long
@pytest.mark.parametrize("daphne", [False, True])
def test_runserver(daphne: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Django's own imports nothing of ours, so the README says it; daphne's serves everything."""
    monkeypatch.setenv("COLLABCHAT_STORAGE", f"sqlite:///{tmp_path}/collabchat.db")
    monkeypatch.setenv("DJANGO_DATABASE", f"{tmp_path}/django.db")
    settings = "tests.servers.runserver_settings" if daphne else "examples.django_app.settings"
    command = ["-m", "django", "runserver", "--noreload", "--settings", settings, "127.0.0.1:0"]
    listening = r"Listening on TCP address 127\.0\.0\.1:(\d+)" if daphne else r"127\.0\.0\.1:(\d+)/"
    said, *answers = started(command, listening)
    assert answers == ([200, 426] if daphne else [404, 404])
    assert "cannot be reached" not in said
