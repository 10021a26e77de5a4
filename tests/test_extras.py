"""Each extra by itself, as a user installs it: a fresh environment, the wheel, and one use of it.

What an extra forgot to bring is there in a developer's environment, so only this can tell.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from collabchat_asgi.testing.services_postgres import PostgresServer
from collabchat_asgi.testing.services_redis import RedisServer

ROOT = Path(__file__).parents[1]
NOT_OURS_TO_MOVE = ("sqlalchemy", "greenlet", "starlette", "fastapi", "django", "flask")
"""What hosts pin: the core must not bring them along."""

ROUND = """
import asyncio, sys
from collabchat_asgi import CollabChat, Identity
from collabchat_asgi.auth import anonymous

async def main():
    collab = CollabChat(authenticate=anonymous(), storage=sys.argv[1])
    ann = Identity("ann", tenants={"default": "commenter"})
    operation = {
        "type": "create-chat",
        "chat": {
            "anchor": {"selector": [{"type": "TextQuoteSelector", "exact": "words"}], "length": 9},
            "comment": {"body": "said here"},
        },
    }
    await collab.submit("default", "/page", operation, identity=ann)
    page = await collab.snapshot("default", "/page")
    print(page["chats"][0]["comments"][0]["body"])
    await collab.close()

asyncio.run(main())
"""
TOKEN = """
import asyncio, datetime, jwt
from collabchat_asgi import ConnectRequest, Identity
from collabchat_asgi import auth

secret = "x" * 32
verify = auth.jwt(secret, algorithms=["HS256"], identify=lambda claims: Identity(
    claims["sub"], tenants={"default": "commenter"}))
exp = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
token = jwt.encode({"sub": "ann", "exp": exp}, secret)
print(asyncio.run(verify(ConnectRequest(token=token))).user_id)
"""
NUMBERS = """
import asyncio
from prometheus_client import REGISTRY, generate_latest
from collabchat_asgi import CollabChat
from collabchat_asgi.auth import anonymous

async def main():
    collab = CollabChat(
        authenticate=anonymous(), storage="memory://", metrics_registry=REGISTRY
    )
    await collab.start()
    print(generate_latest().decode())
    await collab.close()

asyncio.run(main())
"""
CONTRACT = """
import pytest

from collabchat_asgi import CollabChat
from collabchat_asgi.auth import anonymous
from collabchat_asgi.storage.abc import Storage
from collabchat_asgi.storage.sqlite import SqliteStorage
from collabchat_asgi.testing import StorageContract, TestClient
from collabchat_asgi.testing.operations import create_chat

class TestSqlite(StorageContract):
    tells_strays = True

    @pytest.fixture(autouse=True)
    def place(self, tmp_path) -> None:
        self.url = f"sqlite:///{tmp_path}/a.db"

    async def make(self) -> Storage:
        return SqliteStorage.from_url(self.url)

async def test_a_client() -> None:
    async with TestClient(CollabChat(authenticate=anonymous(), storage="memory://")) as client:
        ann = await client.connect(visitor_id="a" * 32)
        await ann.subscribe("/page")
        await ann.do(create_chat())
"""


@dataclass(frozen=True, slots=True)
class Home:
    """An environment with the wheel and one extra, and nothing else."""

    folder: Path
    brought: frozenset[str] = field(default_factory=frozenset)

    def run(self, *command: str) -> str:
        done = subprocess.run(
            [str(self.folder / "bin" / command[0]), *command[1:]],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture
def home(wheel: Path, tmp_path: Path) -> Callable[[str], Home]:
    def made(extra: str) -> Home:
        venv.create(tmp_path, with_pip=True)
        home = Home(tmp_path)
        wanted = f"{wheel}[{extra}]" if extra else str(wheel)
        home.run("pip", "install", "-q", "--disable-pip-version-check", wanted)
        listed = home.run("pip", "list", "--format=freeze", "--disable-pip-version-check")
        return Home(tmp_path, frozenset(line.split("==")[0].lower() for line in listed.split()))

    return made


@pytest.mark.long
def test_no_extra(home: Callable[[str], Home]) -> None:
    bare = home("")
    assert not bare.brought & set(NOT_OURS_TO_MOVE)
    assert bare.run("python", "-c", ROUND, "sqlite:///a.db") == "said here\n"
    assert bare.run("python", "-c", ROUND, "memory://") == "said here\n"
    assert "collabchat" in bare.run("collabchat", "--help")
    with RedisServer(appendonly="yes") as redis:
        assert bare.run("python", "-c", ROUND, redis.url) == "said here\n"


@pytest.mark.long
def test_postgres(home: Callable[[str], Home]) -> None:
    with PostgresServer() as server:
        postgres = home("postgres")
        assert not postgres.brought & set(NOT_OURS_TO_MOVE)
        url = server.url_of("postgres").replace("postgresql://", "postgresql+asyncpg://")
        assert postgres.run("python", "-c", ROUND, url) == "said here\n"


@pytest.mark.long
def test_prometheus(home: Callable[[str], Home]) -> None:
    said = home("prometheus").run("python", "-c", NUMBERS)
    assert "collabchat_connections 0.0\n" in said


@pytest.mark.long
def test_otel(home: Callable[[str], Home]) -> None:
    code = "from collabchat_asgi.tracing import OpenTelemetry; print(OpenTelemetry().tracer)"
    assert "Tracer" in home("otel").run("python", "-c", code)


@pytest.mark.long
@pytest.mark.parametrize("extra", ["top", "load"])
def test_a_command_of_its_own(home: Callable[[str], Home], extra: str) -> None:
    own = home(extra)
    assert {"top": "rich", "load": "websockets"}[extra] in own.brought
    wrong = {"top": ("--storage", "memory://"), "load": ("http://192.0.2.7/x",)}[extra]
    code = f"from collabchat_asgi.cli import main; print(main({[extra, *wrong]}))"
    assert own.run("python", "-c", code) == "1\n", "it came as far as its own words"


@pytest.mark.long
def test_jwt(home: Callable[[str], Home]) -> None:
    assert home("jwt").run("python", "-c", TOKEN) == "ann\n"


@pytest.mark.long
def test_demo(home: Callable[[str], Home]) -> None:
    demo = home("demo")
    assert "uvicorn" in demo.brought
    assert "--port" in demo.run("collabchat", "demo", "--help")
    code = "import collabchat_asgi.demo.app, uvicorn; print(collabchat_asgi.demo.app.app)"
    assert "CollabChatMiddleware" in demo.run("python", "-c", code)


@pytest.mark.long
def test_testing(home: Callable[[str], Home]) -> None:
    testing = home("testing")
    (testing.folder / "test_own.py").write_text(CONTRACT)
    said = testing.run(*("python", "-m", "pytest", "-q", "-o", "asyncio_mode=auto", "test_own.py"))
    assert "failed" not in said
    assert " passed" in said
