"""What the run books say holds: files that orchestrators take, commands that are ones, and a move
to another storage under load that loses nothing."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from collabchat_asgi import CollabChat
from collabchat_asgi.cli import COMMANDS, main
from collabchat_asgi.settings import VARIABLES
from collabchat_asgi.testing import HttpClient, ServerProcess
from collabchat_asgi.testing.operations import create_chat

from .conftest import ANN, PAGES, Json, Run, collab

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"
RUNBOOKS = (DEPLOY / "RUNBOOKS.md").read_text()
MANIFESTS = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
UNIT = DEPLOY / "collabchat@.service"


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest["kind"])
def test_kubernetes_takes_the_manifests(manifest: Json) -> None:
    kubernetes_validate.validate(manifest, "1.30", strict=True)


def container() -> Json:
    [found] = MANIFESTS[0]["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def test_every_variable_is_known() -> None:
    given = [one["name"] for one in container()["env"]]
    given += re.findall(r"^Environment=(\w+)=", UNIT.read_text(), re.MULTILINE)
    assert len(given) == 5
    assert set(given) <= set(VARIABLES)


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """With a server that is there; a setting that is misspelt is a warning, so there is none."""
    text = UNIT.read_text().replace("/opt/app/.venv/bin/uvicorn", shutil.which("true") or "")
    unit = tmp_path / "collabchat@8001.service"
    unit.write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    told = subprocess.run(command, capture_output=True, text=True)
    ours = [line for line in told.stderr.splitlines() if "collabchat@" in line]
    assert (told.returncode, ours) == (0, [])
    unit.write_text(text.replace("TimeoutStopSec", "TimeoutStopSecs"))
    assert "TimeoutStopSecs" in subprocess.run(command, capture_output=True, text=True).stderr


@pytest.mark.parametrize("line", re.findall(r"`collabchat (\S+ [^`]+)`", RUNBOOKS))
def test_every_command_is_one(line: str) -> None:
    name, *given = shlex.split(line)
    parser = argparse.ArgumentParser(exit_on_error=False)
    import_module(COMMANDS[name]).add_arguments(parser)
    parser.parse_args(given)


async def test_a_move_under_load_loses_nothing(url: str, other: str, collabchat: Run) -> None:
    old = collab(url)
    acks: list[tuple[Json, Json]] = []
    await old.snapshot(*PAGES[0])  # which makes the file
    copied = asyncio.create_task(asyncio.to_thread(main, ["copy", "--from", url, "--to", other]))

    async def write(app: CollabChat, page: int) -> None:
        while not copied.done() or len(acks) < 60:
            made = create_chat(f"number {len(acks)}")
            ack = await app.submit(*PAGES[page], made, identity=ANN)
            acks.append((made, dict(ack)))

    await asyncio.gather(write(old, 0), write(old, 0), write(old, 1))
    assert await copied == 0
    before = [await old.snapshot(*PAGES[page]) for page in range(2)]
    await old.close()
    code, _, err = await asyncio.to_thread(collabchat, "copy", "--from", url, "--to", other)
    assert (code, err) == (0, "")
    new = collab(other)
    assert [await new.snapshot(*PAGES[page]) for page in range(2)] == before
    for made, ack in acks:
        again = await new.submit("acme", ack["urlId"], made, identity=ANN)
        assert dict(again) == ack
    await new.close()


async def test_the_hook_of_the_pod_drains(tmp_path: Path) -> None:
    [*python, code] = container()["lifecycle"]["preStop"]["exec"]["command"]
    assert python == ["python", "-c"]
    env = {
        "COLLABCHAT_DRAIN_TOKEN": "s3cret",
        "COLLABCHAT_STORAGE": f"sqlite:///{tmp_path}/collabchat.db",
        "BLACKBOX_TIMING": '{"drain_seconds": 0.1}',
    }
    with ServerProcess("tests.blackbox.app:app", env=env) as server:
        given = code.replace("http://127.0.0.1:8000/collabchat", server.url)
        assert given != code
        command = [sys.executable, "-c", given]
        await asyncio.to_thread(subprocess.run, command, env={**os.environ, **env}, check=True)
        health = await HttpClient(url=server.url).get("health")
        assert (health.status, health.json()["reasons"]) == (503, ["draining"])
