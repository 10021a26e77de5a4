"""What of this folder runs in Node's test runner: hostile servers, and a real one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from collabchat_asgi.testing import ServerProcess

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def node(*arguments: str, **env: str) -> subprocess.Popen[str]:
    found = shutil.which("node")
    assert found, "node is needed (tests/run installs it)"
    return subprocess.Popen(
        [found, *arguments],
        env={**os.environ, **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("name", ["found", pytest.param("hostile", marks=pytest.mark.long)])
def test_in_node(name: str) -> None:
    with node("--test", str(HERE / f"{name}.test.js")) as process:
        said, _ = process.communicate()
    assert process.returncode == 0, said


@pytest.mark.long
def test_the_client_against_a_real_server(tmp_path: Path) -> None:
    env = {
        "COLLABCHAT_STORAGE": f"sqlite:///{tmp_path}/collabchat.db",
        "SNAPSHOT_BYTES": "8000",
    }
    with ServerProcess("tests.convergence.app:app", env=env, directory=ROOT) as server:
        # One process and not `--test`, which would keep its stdin and stdout for itself.
        module = str(HERE / "real_server.test.js")
        with node("--experimental-websocket", module, COLLABCHAT_URL=server.url) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if line == "@kill\n":
                    assert server.kill() == -signal.SIGKILL
                elif line == "@revive\n":
                    server.start()
                else:
                    continue
                process.stdin.write("done\n")
                process.stdin.flush()
        text = "".join(said)
        assert process.returncode == 0, text + server.log
        assert "# pass 5" in text, text
