"""Other engines than Chromium's, as Debian has them: Firefox by WebDriver BiDi over one socket, and
WebKitGTK's MiniBrowser by classic WebDriver. Both are told the same few things (`Tab`).

Each tab is a browser of its own: another machine. Nothing leaves the loopback interface.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

DEADLINE = 60.0
"""Seconds until something must be so: whole browsers start slowly."""
WIDTH, HEIGHT = 1200, 760
MINI_BROWSER = "webkit2gtk-4.1/MiniBrowser"
# As WebDriver writes keys that are no letters.
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Alt": "\ue00a", "Shift": "\ue008", "Tab": "\ue004"}
QUIET = {
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    # Whatever else it would ask for meets a closed door.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.no_proxies_on": "127.0.0.1",
    "toolkit.telemetry.enabled": False,
    # A mouse that hovers: without a screen there would be none, and Enter would be a phone's.
    "ui.allPointerCapabilities": 6,
    "ui.primaryPointerCapabilities": 6,
}
PHONE = {
    "apz.allow_zooming": True,
    "apz.mvm.force-enabled": True,
    "browser.viewport.desktopWidth": 980,
    "dom.meta-viewport.enabled": True,
}

CALL = "async (given) => JSON.stringify(await ({function})(...JSON.parse(given)))"
MIDDLE = """selector => {
  const found = [...document.querySelector('collab-chat').shadowRoot.querySelectorAll(selector)]
  const element = found.filter(each => each.checkVisibility()).at(-1)
  if (!element) return null
  element.scrollIntoView({ block: 'nearest', behavior: 'instant' })
  const { left, top, width, height } = element.getBoundingClientRect()
  return [left + width / 2, top + height / 2]
}"""


class Fault(Exception):
    """What the browser answered instead of doing it."""


class Tab(ABC):
    """One person at one page."""

    @abstractmethod
    async def goto(self, url: str) -> None: ...

    @abstractmethod
    async def _call(self, function: str, given: str) -> str | None:
        """`function` takes a text and resolves to one."""

    @abstractmethod
    async def screenshot(self) -> str:
        """Of the window, as PNG in base64."""

    @abstractmethod
    async def act(self, *devices: dict[str, Any]) -> None:
        """Of WebDriver's actions, one sequence for each device."""

    async def js(self, function: str, *arguments: Any) -> Any:
        """What a function of the page returns for these arguments, as JSON."""
        text = await self._call(CALL.replace("{function}", function), json.dumps(arguments))
        return None if text is None else json.loads(text)

    async def until(self, function: str, wanted: Any = True, *arguments: Any) -> Any:
        """`wanted` may be a test of what was found."""
        end = time.monotonic() + DEADLINE
        while True:
            found = await self.js(function, *arguments)
            if wanted(found) if callable(wanted) else found == wanted:
                return found
            assert time.monotonic() < end, f"{function} {arguments}: {found!r}, not {wanted!r}"

    async def pointer(self, *steps: tuple[str, float, float]) -> None:
        """`("move", x, y)`; `("down", …)` and `("up", …)` are where the last one was."""
        actions: list[dict[str, Any]] = []
        for kind, x, y in steps:
            move = {"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0}
            pressed = {"type": f"pointer{kind.title()}", "button": 0}
            actions.append(move if kind == "move" else pressed)
        mouse = {"pointerType": "mouse"}
        await self.act({"type": "pointer", "id": "mouse", "parameters": mouse, "actions": actions})

    async def click_at(self, x: float, y: float) -> None:
        await self.pointer(("move", x, y), ("down", x, y), ("up", x, y))

    async def click(self, selector: str) -> None:
        """Inside of the widget, once it is there."""
        x, y = await self.until(MIDDLE, lambda found: found is not None, selector)
        await self.click_at(x, y)

    async def drag(self, left: float, top: float, right: float, bottom: float) -> None:
        middle = (left + right) / 2, (top + bottom) / 2
        await self.pointer(
            *(("move", left, top), ("down", left, top), ("move", *middle)),
            *(("move", right, bottom), ("up", right, bottom)),
        )

    async def press(self, *keys: str) -> None:
        """All at once: `press("Alt", "Shift", "m")`."""
        values = [KEYS.get(key, key) for key in keys]
        down = [{"type": "keyDown", "value": value} for value in values]
        up = [{"type": "keyUp", "value": value} for value in reversed(values)]
        await self.act({"type": "key", "id": "keys", "actions": down + up})

    async def type(self, text: str) -> None:
        for letter in text:
            await self.press(letter)


class Firefox(Tab):
    """Headless, with a fresh profile: `--remote-debugging-port` speaks WebDriver BiDi by itself."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._last = 0
        self._context = ""
        self.faults: list[str] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, folder: Path, *, phone: bool = False) -> AsyncIterator[Firefox]:
        """`phone`: pages are laid out, and made smaller, as on one."""
        _profile(folder, {**QUIET, **(PHONE if phone else {})})
        process = await asyncio.create_subprocess_exec(
            *(_found("firefox-esr"), "--headless", "--no-remote", "--profile", str(folder)),
            *("--remote-debugging-port", "0", "about:blank"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "HOME": str(folder), "MOZ_CRASHREPORTER_DISABLE": "1"},
        )
        reading: asyncio.Task[bytes] | None = None
        try:
            assert process.stderr
            async with asyncio.timeout(DEADLINE * 2):
                url = await _listening(process.stderr)
            # It goes on talking, and must not wait for somebody to hear it.
            reading = asyncio.create_task(process.stderr.read())
            async with connect(f"{url}/session", max_size=None, proxy=None) as socket:
                tab = cls(socket)
                await tab.command("session.new", {"capabilities": {}})
                await tab.command("session.subscribe", {"events": ["log.entryAdded"]})
                tree = await tab.command("browsingContext.getTree", {})
                tab._context = tree["contexts"][0]["context"]
                viewport = {"width": WIDTH, "height": HEIGHT}
                where = {"context": tab._context, "viewport": viewport}
                await tab.command("browsingContext.setViewport", where)
                yield tab
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            if reading:
                await reading

    async def command(self, method: str, params: dict[str, Any]) -> Any:
        self._last += 1
        wanted = self._last
        await self._socket.send(json.dumps({"id": wanted, "method": method, "params": params}))
        async with asyncio.timeout(DEADLINE):
            while True:
                heard = json.loads(await self._socket.recv())
                if heard.get("method") == "log.entryAdded":
                    entry = heard["params"]
                    if entry["level"] in ("error", "warn"):
                        self.faults.append(entry.get("text") or "")
                elif heard.get("id") == wanted:
                    if heard["type"] == "error":
                        raise Fault(f"{method}: {heard['error']}: {heard['message']}")
                    return heard["result"]

    async def narrow(self, width: int, height: int) -> None:
        """On a phone the answer does not come: a page may be laid out wider than the window."""
        self._last += 1
        where = {"context": self._context, "viewport": {"width": width, "height": height}}
        method = "browsingContext.setViewport"
        await self._socket.send(json.dumps({"id": self._last, "method": method, "params": where}))

    async def goto(self, url: str) -> None:
        where = {"context": self._context, "url": url, "wait": "complete"}
        await self.command("browsingContext.navigate", where)

    async def _call(self, function: str, given: str) -> str | None:
        told = await self.command(
            "script.callFunction",
            {
                "functionDeclaration": function,
                "arguments": [{"type": "string", "value": given}],
                "awaitPromise": True,
                "target": {"context": self._context},
            },
        )
        if told["type"] == "exception":
            raise Fault(told["exceptionDetails"]["text"])
        value: str | None = told["result"].get("value")
        return value

    async def screenshot(self) -> str:
        told = await self.command("browsingContext.captureScreenshot", {"context": self._context})
        return str(told["data"])

    async def act(self, *devices: dict[str, Any]) -> None:
        where = {"context": self._context, "actions": list(devices)}
        await self.command("input.performActions", where)


class WebKit(Tab):
    """WebKitGTK on a display of its own."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}/session"
        self.faults: list[str] = []
        """Its driver tells of no console."""

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, folder: Path) -> AsyncIterator[WebKit]:
        _home(folder)
        async with _display() as display:
            port = _free_port()
            process = await asyncio.create_subprocess_exec(
                *(_found("WebKitWebDriver"), f"--port={port}"),
                env={
                    **{**os.environ, "DISPLAY": display, "HOME": str(folder)},
                    **{"GDK_BACKEND": "x11", "LIBGL_ALWAYS_SOFTWARE": "1", "NO_AT_BRIDGE": "1"},
                    "XDG_RUNTIME_DIR": str(folder),
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                tab = cls(port)
                await tab._begin()
                try:
                    yield tab
                finally:
                    await tab._ask("DELETE", "", None)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
                await process.wait()

    async def _begin(self) -> None:
        options = {"binary": _mini_browser(), "args": ["--automation"]}
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        end = time.monotonic() + DEADLINE
        while True:
            try:
                told = await self._ask("POST", "", {"capabilities": wanted})
                break
            except OSError:  # it does not listen yet
                assert time.monotonic() < end, "WebKitWebDriver does not listen"
        self._base += "/" + told["sessionId"]
        await self._ask("POST", "/timeouts", {"script": int(DEADLINE * 1000)})
        await self._ask("POST", "/window/rect", {"width": WIDTH, "height": HEIGHT})

    async def _ask(self, method: str, path: str, body: Any) -> Any:
        def ask() -> Any:
            data = None if body is None else json.dumps(body).encode()
            request = urllib.request.Request(self._base + path, data, method=method)
            request.add_header("content-type", "application/json")
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            try:
                with opener.open(request, timeout=DEADLINE) as answer:
                    return json.load(answer)["value"]
            except urllib.error.HTTPError as error:
                with error:
                    told = json.load(error)["value"]
                raise Fault(f"{path}: {told['error']}: {told['message']}") from None

        return await asyncio.to_thread(ask)

    async def goto(self, url: str) -> None:
        await self._ask("POST", "/url", {"url": url})

    async def _call(self, function: str, given: str) -> str | None:
        script = f"""const done = arguments[1]; ({function})(arguments[0]).then(
          text => done([text]), error => done([null, String(error)]))"""
        told = await self._ask("POST", "/execute/async", {"script": script, "args": [given]})
        if len(told) > 1:
            raise Fault(told[1])
        text: str | None = told[0]
        return text

    async def screenshot(self) -> str:
        return str(await self._ask("GET", "/screenshot", None))

    async def act(self, *devices: dict[str, Any]) -> None:
        await self._ask("POST", "/actions", {"actions": list(devices)})


async def _listening(told: asyncio.StreamReader) -> str:
    while line := await told.readline():
        if found := re.search(r"BiDi listening on (ws://\S+)", line.decode(errors="replace")):
            return found[1]
    raise Fault("firefox-esr ended before it listened")


@contextlib.asynccontextmanager
async def _display() -> AsyncIterator[str]:
    """A screen that nobody sees; the server itself says which number it took."""
    read, write = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(_found("Xvfb"), "-displayfd", str(write), "-screen", "0", "1400x1000x24"),
        *("-nolisten", "tcp"),
        pass_fds=(write,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        yield f":{await asyncio.to_thread(_line_of, read)}"
    finally:
        process.terminate()
        await process.wait()


def _line_of(pipe: int) -> str:
    with os.fdopen(pipe) as told:
        return told.readline().strip()


def _profile(folder: Path, wanted: dict[str, Any]) -> None:
    folder.mkdir()
    prefs = (f"user_pref({json.dumps(n)}, {json.dumps(v)});\n" for n, v in wanted.items())
    (folder / "user.js").write_text("".join(prefs))


def _home(folder: Path) -> None:
    folder.mkdir(mode=0o700)


def _mini_browser() -> str:
    found = [str(each) for each in Path("/usr/lib").glob(f"*/{MINI_BROWSER}")]
    assert found, "WebKitGTK's MiniBrowser is needed (tests/run --all installs it)"
    return found[0]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _found(command: str) -> str:
    found = shutil.which(command)
    assert found, f"{command} is needed (tests/run --all installs it)"
    return found
