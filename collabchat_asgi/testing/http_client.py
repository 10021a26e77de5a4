"""The HTTP side for tests, on the standard library: one call, one connection, one deadline."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from .history import History, Json, Tape


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Mapping[str, str]
    """Lower-case names; several of one name are joined with a comma."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class HttpClient:
    """`url` is the `http://host:port/prefix` of the server."""

    url: str
    token: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    name: str = "http"
    tenant: str = ""
    user: str = ""
    """Both for the history only: HTTP answers do not say who asked."""
    deadline: float = 5.0
    history: History | None = None

    async def get(
        self, path: str, *, headers: Mapping[str, str] | None = None, **query: Any
    ) -> Response:
        return await self.request("GET", path, headers=headers, query=query)

    async def post(
        self, path: str, body: Any = b"", *, headers: Mapping[str, str] | None = None
    ) -> Response:
        """`body` is sent as it is where it is bytes, anything else as JSON. Without one there is
        no `Content-Type` either, unless `headers` have it."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if data else {}
        given = {**kind, **(headers or {})}
        return await self.request("POST", path, headers=given, body=data)

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
    ) -> Response:
        """A header given as "" is not sent at all."""
        every = {**self.headers, **(headers or {})}
        if self.token is not None:
            every.setdefault("Authorization", f"Bearer {self.token}")
        sent = {name: value for name, value in every.items() if value}
        target = f"{self.url}/{path.lstrip('/')}" + (f"?{urlencode(query)}" if query else "")
        return await self._exchange(method, target, sent, body or b"")

    async def _exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """What is at the other end answers; `target` is a whole address."""
        return await asyncio.to_thread(self._over_a_socket, method, target, headers, body)

    def _over_a_socket(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        url = urlsplit(target)
        assert url.hostname is not None
        secure = url.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(url.hostname, url.port, timeout=self.deadline)
        try:
            connection.request(
                method,
                url._replace(scheme="", netloc="").geturl(),
                body=body or None,
                headers=dict(headers),
            )
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        names: dict[str, str] = {}
        for name, value in answer.getheaders():
            known = names.get(name.lower())
            names[name.lower()] = f"{known}, {value}" if known else value
        if names.get("content-encoding") == "gzip":
            data = gzip.decompress(data)
        return Response(answer.status, names, data)

    # Calls that a history can judge.

    async def operate(self, url_id: str, operation: Json, **fields: Any) -> Json:
        """`POST v1/ops`; the ack or the error object, as it would travel on a socket."""
        frame = {"urlId": url_id, **operation, **fields}
        if self.tenant:
            frame.setdefault("tenantId", self.tenant)
        tape = self._tape()
        if tape:
            tape.sent(frame)
        response = await self.post("v1/ops", frame)
        kind = "ack" if response.status == 200 else "error"
        answer = {"type": kind, "urlId": url_id, **response.json()}
        if kind == "error" and "broadcastId" in frame:
            answer.setdefault("broadcastId", frame["broadcastId"])
        if tape:
            tape.received(answer)
        return answer

    async def chats(self, url_id: str, *, final: bool = False) -> Json:
        return await self._read("chats", url_id, {}, final)

    async def events(
        self, url_id: str, *, epoch: str = "", after: int = 0, limit: int = 100
    ) -> Json:
        return await self._read(
            "events", url_id, {"epoch": epoch, "after": after, "limit": limit}, False
        )

    async def log(self, url_id: str, *, final: bool = True) -> list[Json]:
        """The whole log, page by page of 1,000: the truth at the end of a history."""
        answers: list[Json] = []
        epoch, after, head = "", 0, 1
        while after < head:
            query = {"epoch": epoch, "after": after, "limit": 1_000}
            answer = await self._read("events", url_id, query, final)
            answers.append(answer)
            epoch, head = answer["epoch"], answer["seq"]
            if answer["last"] <= after < head:
                raise AssertionError(f"the log does not go on after {after}: {answer}")
            after = max(after, answer["last"])
        return answers

    async def _read(self, what: str, url_id: str, query: Json, final: bool) -> Json:
        tape = self._tape()
        if tape:
            tape.sent({"type": f"read-{what}", "urlId": url_id, **query})
        asked = {"tenantId": self.tenant, "urlId": url_id, **query}
        response = await self.get(f"v1/{what}", **{k: v for k, v in asked.items() if v != ""})
        if response.status != 200:
            raise AssertionError(f"v1/{what}: {response.status} {response.body!r}")
        kind = "chats" if what == "chats" else "log"
        answer: Json = {"type": kind, "urlId": url_id, **response.json()}
        if tape:
            (tape.final if final else tape.received)(answer)
        return answer

    def _tape(self) -> Tape | None:
        if self.history is None:
            return None
        return self.history.tape(self.name, tenant=self.tenant, user=self.user)
