"""What `doctor` asks of a server that runs, as a browser would through whatever is in between."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

from .check_servers import clock_of
from .finding import Checkup, Finding

_SECONDS = 10.0
_LOCAL = ("localhost", "127.0.0.1", "::1")

say = Checkup("server")


class Response(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


def check_server(url: str) -> Iterator[Finding]:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname:
            return Server(url).findings()
    except ValueError:
        pass
    return iter([say.problem(f"--url {url!r} has to be http(s)://host/prefix")])


class Server:
    """`url` is where the app is mounted."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url.rstrip("/"))
        host, port = self._url.hostname or "", self._url.port
        shown = f"[{host}]" if ":" in host else host
        self._host = f"{shown}:{port}" if port else shown
        self._origin = f"{self._url.scheme}://{self._host}"

    def findings(self) -> Iterator[Finding]:
        try:
            yield from self._health()
            yield self._hint()
            yield from self._handshake()
            yield from self._foreign_origin()
        except (OSError, HTTPException) as error:
            yield say.problem(
                f"{self._origin} cannot be reached: {error!r}; does it run, and is the port right?"
            )
        if self._url.scheme == "http" and self._url.hostname not in _LOCAL:
            yield say.warning("http: whoever is in between reads along; serve it by https")

    def _health(self) -> Iterator[Finding]:
        before = time.time()
        answer = self._ask("/health")
        after = time.time()
        try:
            told = json.loads(answer.body)
            status, reasons = told["status"], "; ".join(told["reasons"])
        except (ValueError, KeyError, TypeError):
            yield say.problem(
                f"{self._url.path}/health answers {answer.status}, and not as CollabChat does: is "
                "the prefix right, and the middleware added?"
            )
            return
        if status == "ok":
            yield say.ok(f"health: ok, {told['connections']} connections, {told['pages']} pages")
        elif answer.status == 200:
            yield say.warning(f"health: {status}: {reasons}")
        else:
            yield say.problem(f"health: {status}: {reasons}")
        if date := answer.headers.get("date"):
            # It has no fractions: on average it is half a second late.
            yield clock_of(say, parsedate_to_datetime(date).timestamp() + 0.5, before, after)

    def _hint(self) -> Finding:
        answer = self._ask("/ws")
        if answer.status == 426:
            return say.ok("a plain GET of /ws is told 426, as it should be")
        return say.problem(
            f"a plain GET of /ws is answered {answer.status} and not 426: does the proxy send "
            f"{self._url.path}/ to the app?"
        )

    def _handshake(self) -> Iterator[Finding]:
        answer = self._open_socket(self._origin)
        if answer.status == 403:
            yield say.problem(
                f"a page of {self._origin} may not connect (403): the proxy has to pass the Host "
                f"header on, or set COLLABCHAT_ALLOWED_ORIGINS={self._origin}"
            )
            return
        if answer.status != 101:
            yield say.problem(f"no WebSocket (status {answer.status}): {_message(answer)}")
            return
        protocol = answer.headers.get("sec-websocket-protocol", "")
        yield (
            say.ok("a WebSocket opens, and speaks collabchat.v1")
            if protocol == "collabchat.v1"
            else say.warning(
                f"a WebSocket opens and speaks {protocol or 'no protocol'}, not collabchat.v1: "
                "does the proxy pass Sec-WebSocket-Protocol on?"
            )
        )
        extensions = answer.headers.get("sec-websocket-extensions", "")
        if "permessage-deflate" in extensions:
            yield say.warning(
                "permessage-deflate is on: it costs 2.7 times the CPU and 38 KiB per connection; "
                "uvicorn --ws-per-message-deflate false"
            )
        else:
            yield say.ok("permessage-deflate is off")

    def _foreign_origin(self) -> Iterator[Finding]:
        """Nothing is found where no WebSocket opens at all, which has been told by then."""
        answer = self._open_socket("https://foreign.invalid")
        if answer.status == 403:
            yield say.ok("a foreign Origin is refused")
        if answer.status == 101:
            yield say.problem(
                "a page of any other site may connect (status 101 for a foreign Origin): does the "
                "proxy rewrite the Origin header, or is '*' in COLLABCHAT_ALLOWED_ORIGINS?"
            )

    def _open_socket(self, origin: str) -> Response:
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Origin": origin,
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
            "Sec-WebSocket-Protocol": "collabchat.v1",
            "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
        }
        return self._ask("/ws", headers)

    def _ask(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        kind = HTTPSConnection if self._url.scheme == "https" else HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=_SECONDS)
        try:
            connection.request("GET", self._url.path + path, headers=dict(headers or {}))
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Response(answer.status, named, answer.read())
        finally:
            connection.close()


def _message(answer: Response) -> str:
    """Our own hint where it is one."""
    try:
        return str(json.loads(answer.body)["message"])
    except (ValueError, KeyError, TypeError):
        return "does the proxy pass Upgrade and Connection on?"
