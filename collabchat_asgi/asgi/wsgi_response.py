"""The answer of a WSGI app on its way from the thread that makes it to the server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillWaiting
from types import TracebackType
from typing import Any

AsgiMessage = dict[str, Any]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType]

LOOK_AGAIN_SECONDS = 5.0
"""A loop that has ended answers nobody: a thread that waits for it looks that often."""


class Left(Exception):
    """The client left: there is nobody to go on for."""


class Handover:
    """From the thread of a request to its task, which alone talks to the server."""

    def __init__(self, bodiless: bool) -> None:
        self.bodiless = bodiless
        self.left = False
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[tuple[list[AsgiMessage], Future[None]] | None] = (
            asyncio.Queue()
        )
        self._sending: Future[None] | None = None
        self._watch: asyncio.Task[None] | None = None

    # in the thread

    def give(self, messages: list[AsgiMessage]) -> None:
        """Returns once they are sent. Raises `Left` where nobody takes them any more."""
        sent: Future[None] = Future()
        self._loop.call_soon_threadsafe(self._take, messages, sent)
        while True:
            try:
                return sent.result(LOOK_AGAIN_SECONDS)
            except StillWaiting:
                if self._loop.is_closed():
                    raise Left from None

    # in the loop

    async def pass_on(self, receive: Any, send: Any) -> None:
        """Send what comes, until the thread has ended."""
        while (given := await self._waiting.get()) is not None:
            messages, self._sending = given
            if self.left:
                self._sending.set_exception(Left())
                continue
            try:
                for message in messages:
                    await send(message)
            except OSError:  # as ASGI says that the client has left
                self.left = True
                self._sending.set_exception(Left())
                continue
            self._sending.set_result(None)
            if messages[-1].get("more_body") and self._watch is None:
                self._watch = asyncio.ensure_future(self._until_disconnect(receive))

    def end(self, running: object) -> None:
        self._waiting.put_nowait(None)

    def leave(self) -> None:
        """Nothing is sent any more: whoever waits is told."""
        self.left = True
        if self._watch is not None:
            self._watch.cancel()
        if self._sending is not None and not self._sending.done():
            self._sending.set_exception(Left())
        while not self._waiting.empty():
            if (given := self._waiting.get_nowait()) is not None:
                given[1].set_exception(Left())

    def _take(self, messages: list[AsgiMessage], sent: Future[None]) -> None:
        if self.left:
            sent.set_exception(Left())
        else:
            self._waiting.put_nowait((messages, sent))

    async def _until_disconnect(self, receive: Any) -> None:
        # The body is read: there is nothing else that a server could say.
        with contextlib.suppress(Exception):
            self.left = (await receive())["type"] == "http.disconnect"


class Response:
    """What the app says of its answer, as ASGI messages."""

    def __init__(self, handover: Handover) -> None:
        self._handover = handover
        self._start: AsgiMessage | None = None
        self._length: int | None = None
        self._started = False
        self._sent = 0
        self.complete = False

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """PEP 3333's `start_response`."""
        if exc_info and self._started:
            raise exc_info[1].with_traceback(exc_info[2])
        if self._start and not exc_info:
            raise RuntimeError("start_response was called twice")
        lengths = [value for name, value in headers if name.lower() == "content-length"]
        self._length = int(lengths[0]) if lengths else None
        self._start = {
            "type": "http.response.start",
            "status": int(status[:3]),
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
            ],
        }
        return self.write

    def write(self, part: bytes) -> None:
        """Never more than the length that was told."""
        if self._length is not None:
            part = part[: self._length - self._sent]
        self._sent += len(part)
        if part:
            # Nobody may take the answer for complete while its last message is still to come.
            self._give(part, more=self._sent != self._length)

    def finish(self) -> None:
        if not self.complete:
            self._give(b"", more=False)

    def _give(self, part: bytes, *, more: bool) -> None:
        messages: list[AsgiMessage] = []
        if not self._started:
            if self._start is None:
                raise RuntimeError("the WSGI app has not called start_response")
            messages.append(self._start)
            self._started = True
        body = b"" if self._handover.bodiless else part
        messages.append({"type": "http.response.body", "body": body, "more_body": more})
        self._handover.give(messages)
        self.complete = not more
