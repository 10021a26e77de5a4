"""The server's half of one schedule: two engines behind sockets that Node moves.

Node sends one JSON line per step: what arrives when, and until when time may pass. The answer is
everything that was sent meanwhile, and when the next timer is due. Nothing else happens: between
two steps time stands still.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import secrets
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

import collabchat_asgi.collab
import collabchat_asgi.engine.engine
from collabchat_asgi import CollabChat, Limits, Timing, Tuning
from collabchat_asgi.core.frames import encode_page
from collabchat_asgi.core.model import PageKey
from collabchat_asgi.core.records import restore
from collabchat_asgi.errors import StorageUnavailable
from collabchat_asgi.storage.memory import MemoryStorage

from .loop import VirtualClock, VirtualLoop
from .troubles import TENANT, BusyPace, Host, TroubledStorage, Wire, WirePubSub

Json = dict[str, Any]
Tell = Callable[[str], None]
Ask = Callable[[], str]

PROCESSES = 2
EXPECTED = ("a commit of", "reading the storage failed", "hook ")
"""Errors in the log that the schedule itself has caused; any other fails it."""


class Errors(logging.Handler):
    """What the engine says that it should never have to say."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if not text.startswith(EXPECTED):
            trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
            self.lines.append(text + "\n" + trace)


class Process:
    """One engine, from its start to its sudden death."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.pubsub = WirePubSub(stage.wire)
        host, asked = stage.host, stage.options["hooks"]
        self.collab = CollabChat(
            authenticate=host.authenticate,
            authorize=host.authorize if asked in ("authorize", "both") else None,
            before_commit=host.before_commit if asked in ("rewrite", "both") else None,
            storage=stage.storage,
            pubsub=self.pubsub,
            limits=stage.limits,
            tuning=stage.tuning,
            timing=stage.timing,
            clock=VirtualClock(stage.loop),
        )
        self.engine = self.collab._engine
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.dead = False

    def run(self, name: int, coroutine: Any) -> None:
        task = self.stage.loop.create_task(coroutine)
        self.tasks[name] = task
        task.add_done_callback(lambda _: self.tasks.pop(name, None))

    async def die(self) -> None:
        """As kill -9 does it: nothing is flushed and nobody is told."""
        self.dead = True
        tasks = list(self.tasks.values())
        for task in tasks:
            task.cancel()
        services = self.engine.services if self.engine.is_running else None
        if services is not None:  # its storage was away at its start, and is away still
            await services.supervisor.stop()
        await self.pubsub.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        if services is not None:
            services.door.connections.clear()


class Socket:
    """The server's end of a connection that Node owns the other end of."""

    def __init__(self, stage: Stage, id: int, process: Process) -> None:
        self.stage = stage
        self.id = id
        self.process = process
        self.inbox: asyncio.Queue[Json] = asyncio.Queue()
        self.inbox.put_nowait({"type": "websocket.connect"})
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.gone = False
        self.closed = False
        process.run(id, self.serve())

    async def serve(self) -> None:
        """A server closes what its app has returned from, as after an abort."""
        scope = {"type": "websocket", "subprotocols": ["collabchat.v1"], "headers": []}
        try:
            await self.process.collab.serve("ws", scope, self.inbox.get, self.send)
        finally:
            if not (self.closed or self.gone or self.process.dead):
                self.stage.say("close", self.id, 1006, "")

    async def send(self, message: Json) -> None:
        if not self.flowing.is_set():
            self.stage.hits["sends that waited"] += 1
            await self.flowing.wait()
        if self.gone or self.process.dead:
            raise OSError("the client is gone")
        match message["type"]:
            case "websocket.accept":
                self.stage.say("accept", self.id)
            case "websocket.send":
                self.stage.say("text", self.id, message["text"])
            case "websocket.close":
                self.closed = True
                self.stage.say("close", self.id, message["code"], message["reason"])

    def leave(self, code: int) -> None:
        self.gone = True
        self.flowing.set()
        self.inbox.put_nowait({"type": "websocket.disconnect", "code": code})


class Stage:
    def __init__(self, options: Json, ask: Ask, tell: Tell) -> None:
        self.options = options
        self.loop = VirtualLoop(self._idle)
        self.hits: Counter[str] = Counter()
        rng = self.rng = random.Random(options["seed"])
        clock = VirtualClock(self.loop)
        self.storage = TroubledStorage(rng, self.hits, clock.now_ms)
        self.wire = Wire(rng, self.hits)
        self.host = Host(rng, self.hits)
        self.limits = Limits(**options["limits"])
        self.tuning = Tuning(**options["tuning"])
        self.timing = Timing(**options["timing"])
        self.processes: list[Process | None] = [None] * PROCESSES
        self._started: list[Process] = []
        self.sockets: dict[int, Socket] = {}
        self._ask, self._tell = ask, tell
        self._start = self.loop.time()
        self._said: list[Any] = []
        self._until = self._start
        self._due: list[list[Any]] = []
        self._work: asyncio.Task[Any] | None = None
        self._errors = Errors()
        self._over = asyncio.Event()
        BusyPace.seconds = options["batch"]

    def _uncaught(self, loop: asyncio.AbstractEventLoop, context: Json) -> None:
        """What a killed process was in the middle of fails with nobody left to hear it."""
        error = context.get("exception")
        if not isinstance(error, StorageUnavailable):
            self._errors.lines.append(f"{context['message']}: {error!r}")

    def play(self) -> None:
        """The whole schedule, until Node says that it is over."""
        logger = logging.getLogger("collabchat_asgi")
        logger.addHandler(self._errors)
        asyncio.set_event_loop(self.loop)
        self.loop.set_exception_handler(self._uncaught)
        try:
            self.loop.run_until_complete(self._play())
        finally:
            logger.removeHandler(self._errors)
            asyncio.set_event_loop(None)
            self.loop.close()

    async def _play(self) -> None:
        for index in range(PROCESSES):
            await self._start_process(index)
        await self._over.wait()
        for process in self._started:
            await process.die()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    # time

    @property
    def _now(self) -> float:
        """Milliseconds since the schedule's beginning, as Node counts."""
        return round((self.loop.time() - self._start) * 1000, 3)

    def _idle(self, now: float, timer: float | None) -> float:
        """Nothing can run now: pass time up to what is due next, or ask Node for more."""
        while True:
            at = self._start + self._due[0][0] / 1000 if self._due else None
            if self._work is not None and not self._work.done() and timer is not None:
                return timer  # a question that needs time is given it
            if at is not None and (timer is None or at <= timer):
                self.loop.pass_to(at)
                self._do(self._due.pop(0)[1:])
                return now
            if timer is not None and timer <= self._until:
                return timer
            if self._over.is_set():
                return now
            self._answer(timer)
            line = self._ask()
            if not line:
                raise SystemExit("Node has gone")
            step = json.loads(line)
            if "until" in step:
                self._until = self._start + step["until"] / 1000
                self._due = step["do"]
                if not self._due and (timer is None or timer > self._until):
                    return self._until
            elif "verdict" in step:
                self._work = self.loop.create_task(self._judged())
                return now
            else:
                self._over.set()
                return now

    def _answer(self, timer: float | None) -> None:
        reply: Json = {"out": self._said}
        if timer is not None:
            reply["next"] = round((timer - self._start) * 1000, 3)
        if self._work is not None:
            reply["verdict"] = self._work.result()
            self._work = None
        self._said = []
        self._tell(json.dumps(reply))

    def say(self, kind: str, *rest: Any) -> None:
        self._said.append([self._now, kind, *rest])

    # what Node does

    def _do(self, what: list[Any]) -> None:
        kind, *rest = what
        getattr(self, "_do_" + kind)(*rest)

    def _do_open(self, id: int, index: int) -> None:
        process = self.processes[index]
        if process is None:
            self.say("close", id, 1006, "")
        else:
            self.sockets[id] = Socket(self, id, process)

    def _do_text(self, id: int, text: str) -> None:
        socket = self.sockets.get(id)
        if socket is not None and not socket.gone:
            socket.inbox.put_nowait({"type": "websocket.receive", "text": text})

    def _do_gone(self, id: int, code: int) -> None:
        socket = self.sockets.pop(id, None)
        if socket is not None and not socket.gone:
            socket.leave(code)

    def _do_stall(self, id: int, stalled: bool) -> None:
        socket = self.sockets.get(id)
        if socket is not None and not socket.gone:
            socket.flowing.clear() if stalled else socket.flowing.set()

    def _do_get(self, id: int, index: int, url: str, token: str) -> None:
        process = self.processes[index]
        if process is None:
            self.say("answer", id, 0, "")
            return
        parts = urlsplit(url)
        scope = {
            "type": "http",
            "method": "GET",
            "query_string": parts.query.encode(),
            "headers": [(b"authorization", f"Bearer {token}".encode())],
        }
        process.run(-id, self._get(process, id, scope, parts.path.removeprefix("/collabchat/")))

    async def _get(self, process: Process, id: int, scope: Json, path: str) -> None:
        heard: Json = {"status": 0, "body": b""}

        async def send(message: Json) -> None:
            heard.update({key: message[key] for key in ("status", "body") if key in message})

        try:
            await process.collab.serve(path, scope, asyncio.Queue().get, send)
        finally:
            # Of a process that is killed meanwhile the browser hears a broken connection.
            self.say("answer", id, 0 if process.dead else heard["status"], heard["body"].decode())

    def _do_trouble(self, troubles: Json) -> None:
        """Any of the numbers that storage, wire and host are troubled by."""
        for name, value in troubles.items():
            part, _, number = name.partition(".")
            setattr(getattr(self, part), number, value)

    def _do_erase(self, url_id: str) -> None:
        self.loop.create_task(self.storage.lose_history(PageKey(TENANT, url_id)))

    def _do_trim(self, url_id: str, keep: int) -> None:
        self.loop.create_task(self.storage.forget_log(PageKey(TENANT, url_id), keep))

    def _do_gap(self) -> None:
        self.hits["gaps on the bus"] += 1
        for ear in self.wire.ears:
            ear.inbox.gap()

    def _do_kill(self, index: int) -> None:
        process, self.processes[index] = self.processes[index], None
        if process is None:
            return
        self.hits["processes killed"] += 1
        for id in [id for id, socket in self.sockets.items() if socket.process is process]:
            del self.sockets[id]
            self.say("cut", id)
        self.loop.create_task(process.die())

    def _do_revive(self, index: int) -> None:
        self.loop.create_task(self._start_process(index))

    async def _start_process(self, index: int) -> None:
        """As an init system does it: again and again, until the storage is there."""
        while self.processes[index] is None:
            process = Process(self)
            self._started.append(process)
            try:
                await process.collab.start()
            except StorageUnavailable:
                await process.die()
                await asyncio.sleep(0.2)
            else:
                self.processes[index] = process

    # what is true in the end

    async def _judged(self) -> Json:
        try:
            async with asyncio.timeout(60):
                return await self._verdict()
        except Exception as error:
            return {"pages": {}, "logs": {}, "known": [], "hits": {}, "errors": [repr(error)]}

    async def _verdict(self) -> Json:
        """The pages as the storage has them and as each process tells them, and all logs ever."""
        self.storage.write_down()
        pages: Json = {}
        for key in list(self.storage._data.pages):
            if key.tenant_id != TENANT:
                continue
            loaded = await MemoryStorage.load(self.storage, key)
            state = restore(loaded.position, loaded.records, 0)
            whole = {
                chat.id: [msgspec.to_builtins(known.comment) for known in chat.comments.values()]
                for chat in state.chats.values()
            }
            encoded = encode_page(loaded.position, list(state.snapshot()))
            told = [json.loads(encoded)]
            for process in self.processes:
                assert process is not None
                page = await process.engine.page(key)
                told.append(json.loads(page.encoded(compressed=False)))
            pages[key.url_id] = {"comments": whole, "told": told}
        for process in self.processes:
            if process is not None and process.engine.services.supervisor.restarts:
                self._errors.lines.append(
                    f"restarted: {process.engine.services.supervisor.restarts}"
                )
        return {
            "pages": pages,
            "logs": {epoch: list(log.items()) for epoch, log in self.storage.events.items()},
            "known": [[epoch, id, seq] for (epoch, id), seq in self.storage.known.items()],
            "errors": self._errors.lines,
            "hits": self.hits,
        }


def serve(ask: Ask, tell: Tell) -> None:
    """Play one schedule after the other until Node has no more."""
    collabchat_asgi.engine.engine.Pace = BusyPace  # type: ignore[attr-defined,misc]
    collabchat_asgi.collab.load_static = dict  # type: ignore[attr-defined,assignment]
    while line := ask():
        options = json.loads(line)
        _seed_chance(options["seed"])
        try:
            Stage(options, ask, tell).play()
        except Exception as error:
            error.add_note(f"in the schedule of seed {options['seed']}")
            raise


def _seed_chance(seed: int) -> None:
    """Epochs, nonces and delays that the engine draws: the same for the same seed."""
    rng = random.Random(seed)
    random.seed(seed)
    secrets.randbits = rng.getrandbits  # type: ignore[assignment]
    secrets.token_hex = lambda nbytes=None: rng.randbytes(nbytes or 16).hex()
    secrets.token_urlsafe = lambda nbytes=None: rng.randbytes(nbytes or 16).hex()
