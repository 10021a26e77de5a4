"""The command line itself, and the subcommands of the browser's half."""

from __future__ import annotations

import argparse
import asyncio
import builtins
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from collabchat_asgi import CollabChat, __version__
from collabchat_asgi.auth import anonymous
from collabchat_asgi.cli import main
from collabchat_asgi.core.model import FORGOTTEN
from collabchat_asgi.demo import command
from collabchat_asgi.testing import TestClient
from collabchat_asgi.testing.operations import create_chat

ROOT = Path(__file__).parents[2]
STATIC = Path(__file__).parents[2] / "collabchat_asgi" / "static"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


def test_without_a_command_the_known_ones_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for name in ("demo", "assets", "version"):
        assert name in said
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2


def test_assets_are_the_modules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "of" / "its own"
    assert main(["assets", str(folder)]) == 0
    said = capsys.readouterr().out
    assert str(folder) in said
    assert "prefix='/collabchat'" in said, "as the front-end page has it"
    languages = {f"lang/{path.name}" for path in STATIC.glob("*/lang/*.js")}
    rooms = [path for path in STATIC.rglob("*.*") if path.parent.name not in ("lang", "min")]
    wanted = {path.name for path in rooms} | languages
    copied = {str(path.relative_to(folder)) for path in folder.rglob("*.*")}
    assert copied == wanted - {"README.md"}
    assert (folder / "emitter.js").read_bytes() == (STATIC / "client/emitter.js").read_bytes()


def test_the_demo_without_its_server_names_the_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name == "uvicorn":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "uvicorn", raising=False)
    monkeypatch.setattr(builtins, "__import__", missing)
    assert main(["demo"]) == 1
    assert "pip install 'collabchat-asgi[demo]'" in capsys.readouterr().err


def test_workers_need_a_shared_storage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--workers", "2", "--storage", "memory://"]) == 2
    assert "--workers 1" in capsys.readouterr().err


def test_the_demo_listens_to_this_machine_only_unless_told() -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert parser.parse_args([]).host == "127.0.0.1"


@pytest.mark.parametrize(
    ("command", "sentence"),
    [("usage", "by UTC day."), ("export", "as W3C Web Annotations (JSON-LD).")],
)
def test_help_keeps_names_as_they_are_written(
    command: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert sentence in " ".join(capsys.readouterr().out.split())


def test_the_demo_tells_no_address_that_is_somebody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLLABCHAT_STORAGE", "memory://")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["demo", "--port", str(port)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert f"127.0.0.1:{port}" in told.err
    assert "--port" in told.err


@pytest.mark.parametrize(
    "command", ["export", "export --format html", "pages", "doctor", "version"]
)
def test_output_that_has_no_place_is_one_line_and_a_failure(tmp_path: Path, command: str) -> None:
    storage = f"sqlite:///{tmp_path}/pages.db"
    asyncio.run(write_a_chat(storage))
    with open("/dev/full", "wb") as full:
        done = run(command, storage, stdout=full)
    told = "collabchat: writing the output failed: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, told)


@pytest.mark.parametrize("command", ["export", "pages"])
def test_who_has_seen_enough_hears_no_complaint(tmp_path: Path, command: str) -> None:
    storage = f"sqlite:///{tmp_path}/pages.db"
    asyncio.run(write_a_chat(storage))
    end, pipe = os.pipe()
    os.close(end)
    try:
        done = run(command, storage, stdout=pipe)
    finally:
        os.close(pipe)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("command", ["pages", "version"])
def test_who_wants_no_output_at_all_gets_none(tmp_path: Path, command: str) -> None:
    """As `collabchat pages >&-`: Python has no `sys.stdout` then."""
    storage = f"sqlite:///{tmp_path}/pages.db"
    asyncio.run(write_a_chat(storage))
    done = run(command, storage, stdout=None, before=lambda: os.close(1))
    assert (done.returncode, done.stderr) == (0, "")


async def write_a_chat(storage: str) -> None:
    collab = CollabChat(authenticate=anonymous(), storage=storage)
    async with TestClient(collab) as client:
        ann = await client.connect(visitor_id="a" * 32)
        await ann.subscribe("/page")
        await ann.do(create_chat("hello"))


def run(
    command: str, storage: str, *, stdout: Any, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "collabchat_asgi", *command.split()],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLLABCHAT_STORAGE": storage},
        stdout=stdout,
        stderr=subprocess.PIPE,
        preexec_fn=before,
        text=True,
    )


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_demo_says_what_it_says_once_and_ends_quietly(tmp_path: Path, workers: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "collabchat_asgi", "demo", "--port", "0", "--workers", workers],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )
    try:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(3)]
        address = re.fullmatch(r"Open (http://localhost:(\d+)/) in two browsers.*\n", told[0])
        assert address, told
        assert "collabchat-demo.db" in told[1]
        assert "Ctrl+C" in told[2]
        with urlopen(f"http://127.0.0.1:{address[2]}/", timeout=30) as page:
            assert page.status == 200
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
        assert (rest, process.returncode) == ("", 0)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.mark.parametrize(
    "command",
    [
        ("erase", "--all-pages", "--yes"),
        ("forget", "--user", "7", "--yes"),
        ("export",),
        ("pages",),
        ("page", "/a"),
        ("new-epoch",),
        ("usage", "--from", "2026-11-01", "--to", "2026-11-30"),
        ("copy", "--from", "memory://", "--to", "memory://"),
    ],
)
def test_a_tenant_that_is_none_is_refused(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """As from a variable that is not set: our own pages have the tenant ""."""
    with pytest.raises(SystemExit) as ended:
        main([*command, "--tenant", ""])
    assert ended.value.code == 2
    assert "'' is no tenant id" in capsys.readouterr().err


@pytest.mark.parametrize("base", ["docs.example", "/docs", "ftp://docs.example", "http://[oops"])
def test_a_base_that_no_page_lives_at_is_refused(
    base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Taken, it would match no page, and thousands of annotations would be where nobody looks."""
    file = ("import", "file", "--format", "w3c", "--tenant", "acme")
    for given in (("export",), file):
        with pytest.raises(SystemExit) as ended:
            main([*given, "--base", base])
        assert ended.value.code == 2
        assert "such as https://docs.example" in capsys.readouterr().err


def test_an_empty_storage_is_not_the_one_that_lies_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLLABCHAT_STORAGE", f"sqlite:///{tmp_path}/other.db")
    erase = ["erase", "--tenant", "acme", "--all-pages", "--yes"]
    for given in (["pages"], ["purge"], ["doctor"], erase):
        assert main([*given, "--storage", ""]) == 1
        told = capsys.readouterr()
        assert "storage='' is not a URL" in told.out + told.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [("forget", "--all-tenants", "--yes"), ("export",)])
@pytest.mark.parametrize("user", ["", FORGOTTEN.id])
def test_nobody_is_no_person_to_forget(
    command: tuple[str, ...], user: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every page where somebody has no name would be written anew, and loaded by everybody."""
    with pytest.raises(SystemExit) as ended:
        main([*command, "--user", user])
    assert ended.value.code == 2
    assert f"{user!r} is nobody" in capsys.readouterr().err
