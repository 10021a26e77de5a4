"""Imports point one way, and the core does no I/O."""

from __future__ import annotations

import ast
import re
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from collabchat_asgi.asgi.static import ROOMS as BROWSER_ROOMS

PACKAGE = "collabchat_asgi"
ROOT = Path(__file__).parent.parent / PACKAGE

GROUND = {"errors", "config", "version", "objects"}
LOG = {"sparing_log"}
ASYNC = GROUND | {"cancellation"}
CLIENTS = {"postgres_client", "redis_client"}
CONTRACTS = {"storage.abc", "pubsub.abc", "hooks"}
ROOMS_OF_THE_ENGINE = ("measuring", "peers", "delivery", "pages", "writing", "people", "erasing")
OVER_THEM = ("services", "healing", "news", "ticker", "numbers", "engine")
ENGINE = ROOMS_OF_THE_ENGINE + OVER_THEM
"""The engine's rooms and the files over them, each of which may import those before it."""
BELOW = {"backend", "clock", "storage_time", "supervisor"}
"""What stands in the engine under its rooms."""
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "config": {"errors"},
    "version": set(),
    "objects": set(),
    "cancellation": set(),
    "sparing_log": {"core"},
    "core": GROUND | {"core"},
    "storage.abc": GROUND | {"core"},
    "pubsub.abc": GROUND | {"core"},
    "hooks": ASYNC | {"core", "hooks"},
    "redis_client": GROUND | {"redis_client"},
    "postgres_client": GROUND | {"postgres_client"},
    "storage": ASYNC | CLIENTS | {"core", "storage"},
    "pubsub": GROUND | CLIENTS | {"core", "pubsub"},
    "registry": GROUND | {"core", "storage", "pubsub"},
    "auth": GROUND | LOG | {"core", "hooks", "auth"},
    "engine": ASYNC | LOG | CONTRACTS | {"core", "engine"},
    "asgi": GROUND | LOG | CONTRACTS | {"core", "engine", "asgi", "auth"},
}
"""What a room may import of this package; a name stands for what is below it too. Rooms that are
not named here stand on top (collab, middleware, wsgi, cli, testing …) and may import anything,
and nobody below may import them."""

PURE = {"asyncio", "threading", "time", "random", "socket", "ssl", "os", "io", "logging", "anyio"}
PURE |= {"datetime", "sqlite3", "asyncpg", "redis", "subprocess", "selectors", "uuid"}
"""What the core may not import: time is an argument, and ids come from `secrets`."""


IMPURE = {"open", "print", "input", "__import__", "exec", "eval"}


def room_of(module: str) -> str | None:
    """The named room that a module is in: the longest name that fits."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in MAY_IMPORT:
            return ".".join(parts[:length])
    return None


def imported(tree: ast.AST, module: str, *, is_package: bool) -> list[str]:
    """All modules that are imported anywhere in it, names of packages' members included."""
    found: list[str] = []
    here = [PACKAGE, *module.split(".")] if module else [PACKAGE]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            up = node.level - 1 if is_package else node.level
            base = here[: len(here) - up] if node.level else []
            whole = ".".join([*base, *([node.module] if node.module else [])])
            found += [f"{whole}.{alias.name}" for alias in node.names]
    return found


def faults(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """What is wrong with a module of the package, called by its name within it."""
    tree = ast.parse(source)
    room = room_of(module)
    if room is None:
        return []
    wrong: list[str] = []
    for name in imported(tree, module, is_package=is_package):
        top, _, inner = name.partition(".")
        if top != PACKAGE:
            if room == "core" and top in PURE:
                wrong.append(f"{module} imports {name}: the core is pure")
        elif not any(inner == may or inner.startswith(may + ".") for may in MAY_IMPORT[room]):
            wrong.append(f"{module} imports {name}: upward")
    if room == "core":
        for node in ast.walk(tree):
            if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
                wrong.append(f"{module}, line {node.lineno}: async in the core")
            if isinstance(node, ast.Name) and node.id in IMPURE:
                wrong.append(f"{module}, line {node.lineno}: {node.id} in the core")
    return wrong


def modules() -> list[tuple[str, Path]]:
    return [
        (
            ".".join(path.relative_to(ROOT).with_suffix("").parts)
            .removesuffix("__init__")
            .rstrip("."),
            path,
        )
        for path in sorted(ROOT.rglob("*.py"))
    ]


@pytest.mark.parametrize(("module", "path"), modules(), ids=[name or "." for name, _ in modules()])
def test_imports_point_one_way(module: str, path: Path) -> None:
    source = path.read_text("utf-8")
    assert faults(source, module, is_package=path.name == "__init__.py") == []


ROOMS = [(place, path) for place, path in modules() if place.startswith("engine.")]


@pytest.mark.parametrize(("module", "path"), ROOMS, ids=[name for name, _ in ROOMS])
def test_rooms_of_the_engine_import_one_way(module: str, path: Path) -> None:
    room = module.split(".")[1]
    before = BELOW | set(ENGINE[: ENGINE.index(room)] if room in ENGINE else ())
    tree = ast.parse(path.read_text("utf-8"))
    is_package = path.name == "__init__.py"
    for name in imported(tree, module, is_package=is_package):
        parts = name.split(".")
        if parts[:2] == [PACKAGE, "engine"] and parts[2] != room:
            assert parts[2] in before, f"{module} imports {name}: {parts[2]} is above it"


def needs(module: str, path: Path, names: set[str]) -> set[str]:
    """The modules of the package that this one imports, for their types alone as well."""
    found = set()
    tree = ast.parse(path.read_text("utf-8"))
    for name in imported(tree, module, is_package=path.name == "__init__.py"):
        top, _, inner = name.partition(".")
        if top == PACKAGE:
            found.add(inner if inner in names else inner.rpartition(".")[0])
    return found & names - {module, ""}


def test_no_imports_go_round_in_a_circle() -> None:
    paths = dict(modules())
    graph = {module: needs(module, path, set(paths)) for module, path in paths.items()}
    assert sum(map(len, graph.values())) > 500, "the walk sees too little"
    TopologicalSorter(graph).prepare()  # raises CycleError, which says who imports whom


def test_the_walk_sees_the_package() -> None:
    names = {name for name, _ in modules()}
    assert {"", "errors", "core.rules", "storage.abc", "pubsub.abc"} <= names


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("core.bad", "from ..storage.abc import Storage"),
        ("core.bad", "from .. import storage"),
        ("core.bad", "from collabchat_asgi.engine import committer"),
        ("core.bad", "import collabchat_asgi.asgi.http"),
        ("core.bad", "from ..hooks import Identity"),
        ("core.bad", "import asyncio"),
        ("core.bad", "from time import monotonic"),
        ("core.bad", "import random as dice"),
        ("core.bad", "def f():\n    import os.path"),
        ("core.bad", "async def f(): ..."),
        ("core.bad", "class A:\n    async def f(self): ..."),
        ("core.bad", "open('x')"),
        ("errors", "from .core.model import Event"),
        ("config", "from . import registry"),
        ("hooks", "from .engine.pages.page import Page"),
        ("storage.abc", "from .memory import MemoryStorage"),
        ("storage.sql", "from ..engine import clock"),
        ("storage.sql", "from ..pubsub.abc import PubSub"),
        ("pubsub.redis", "from ..storage.abc import Storage"),
        ("engine.bad", "from ..storage.memory import MemoryStorage"),
        ("engine.bad", "from ..asgi.websocket import endpoint"),
        ("engine.bad", "from ..collab import CollabChat"),
        ("engine.bad", "from .. import testing"),
        ("asgi.bad", "from ..collab import CollabChat"),
        ("asgi.bad", "if True:\n    from ..middleware import CollabChatMiddleware"),
    ],
)
def test_a_wrong_module_is_noticed(module: str, source: str) -> None:
    assert faults(source, module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("core.good", "import secrets\nfrom ..errors import Refused\nfrom . import text"),
        ("core.good", "from ..config import Limits"),
        (
            "storage.good",
            "import asyncio\nfrom .abc import Storage\nfrom ..core.model import Record",
        ),
        ("engine.good", "from ..storage.abc import Storage\nasync def f(): ..."),
        ("engine.good", "from . import clock"),
        ("asgi.good", "from ..engine.delivery.viewer import Viewer"),
        ("testing.good", "from ..collab import CollabChat"),
        ("collab", "from .asgi import http\nfrom .engine import pages"),
    ],
)
def test_a_right_module_is_let_be(module: str, source: str) -> None:
    assert faults(source, module) == []


def test_a_package_counts_its_dots_from_itself() -> None:
    assert faults("from .model import Event", "core", is_package=True) == []
    assert faults("from ..storage import abc", "core", is_package=True) != []


STATIC = ROOT / "static"
BROWSER: dict[str, set[str]] = {
    "": set(),
    "typed": set(),
    "client": {"", "typed"},
    "anchors": {"", "typed"},
    "widget": {"", "typed", "client", "anchors"},
    "usage": {"widget"},
}
"""What a room of the browser's half may import of the others; "" is what they share."""
IMPORTED = re.compile(r"""(?:from |import |import\()(['"])(\.[^'"]+)\1""")


def browser_imports(path: Path) -> list[tuple[str, str, bool]]:
    """What a module imports of other rooms: room, module, and whether for its types alone."""
    found = []
    for line in path.read_text("utf-8").splitlines():
        types = "@import" in line or "typeof import(" in line or "{import(" in line
        for match in IMPORTED.finditer(line):
            other = (path.parent / match[2]).resolve().relative_to(STATIC)
            found.append((other.parts[0] if other.parts[1:] else "", str(other), types))
    room = path.relative_to(STATIC).parts[0]
    return [each for each in found if each[0] != room]


def browser_modules() -> list[Path]:
    return [path for room in BROWSER_ROOMS for path in sorted((STATIC / room).rglob("*.js"))]


@pytest.mark.parametrize("path", browser_modules(), ids=lambda path: str(path.relative_to(STATIC)))
def test_rooms_of_the_browser_import_one_way(path: Path) -> None:
    may = BROWSER[path.relative_to(STATIC).parts[0]]
    for room, module, _ in browser_imports(path):
        assert room in may, f"{path.name} imports {module}"
        if room == "client":
            assert module == "client/client.js", f"{path.name} imports what is behind client.js"


def test_one_import_crosses_from_the_widget_to_the_client() -> None:
    crossing = [
        path.name
        for path in browser_modules()
        for room, _, types in browser_imports(path)
        if room == "client" and not types
    ]
    assert crossing == ["life.js"]


def test_an_address_of_the_browser_s_half_is_one_module() -> None:
    """Addresses have no rooms."""
    rooms = {path.name for path in STATIC.iterdir() if path.is_dir()}
    assert rooms == {*BROWSER_ROOMS, "min"}
    assert set(BROWSER) == {"", *BROWSER_ROOMS}
    names = Counter(
        path.name
        for room in ("", *BROWSER_ROOMS)
        for path in (STATIC / room).iterdir()
        if path.is_file()
    )
    assert max(names.values()) == 1, names.most_common(3)
