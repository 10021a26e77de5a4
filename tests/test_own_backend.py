"""examples/own_backend: a user installs it, its suite passes, and two processes talk through it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from collabchat_asgi.testing import ServerProcess, SocketClient
from collabchat_asgi.testing.operations import create_chat
from collabchat_asgi.testing.services_nats import NatsServer

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "own_backend"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of somebody who installed the package, and nothing of it is here."""
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--target", str(site), str(EXAMPLE)], check=True)
    return {"PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}


@pytest.mark.long
def test_its_own_suite_passes(installed: Mapping[str, str], tmp_path: Path) -> None:
    """From a folder without the module, so that it is the installed one that is tested."""
    suite = tmp_path / "test_collabchat_nats.py"
    suite.write_text((EXAMPLE / suite.name).read_text())
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", suite.name]
    ran = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **installed}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"\b3\d passed in", ran.stdout), ran.stdout


@pytest.mark.long
async def test_two_processes_talk_through_it(installed: Mapping[str, str], tmp_path: Path) -> None:
    with NatsServer() as nats:
        env = {
            **installed,
            "COLLABCHAT_STORAGE": f"sqlite:///{tmp_path}/collabchat.db",
            "COLLABCHAT_PUBSUB": nats.url,
        }
        one, two = process(env), process(env)
        with one, two:
            ann = await SocketClient.join(one.url, "page", visitor_id="a" * 32)
            bob = await SocketClient.join(two.url, "page", visitor_id="b" * 32)
            for speaker, hearer in ((ann, bob), (bob, ann)):
                ack = await speaker.do(create_chat())
                await hearer.expect_event("new-text-chat", broadcastId=ack["broadcastId"])
            await ann.close()
            await bob.close()


def process(env: Mapping[str, str]) -> ServerProcess:
    return ServerProcess("tests.own_backend_app:app", env=env, prefix="", directory=ROOT)
