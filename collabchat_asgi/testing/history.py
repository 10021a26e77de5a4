"""What clients did and saw, written down so that the promises can be proved on it afterwards.

One record per frame and direction; times are monotonic seconds of one machine. A history is kept as
JSON lines, so that several processes can write their own and one checker reads them together.

    history = History()
    client = await SocketClient.connect(url, token=…, history=history)
    …
    history.fault("SIGKILL of process 1")
    …
    history.quiet()                    # everything has settled: nobody may be behind any more
    print(check(history))
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Json = dict[str, Any]
Kind = Literal["sent", "received", "closed", "fault", "quiet", "final"]


@dataclass(frozen=True, slots=True)
class Record:
    """`frame` is what travelled. An HTTP call is a connection of its own with two records:
    `read-chats` answered by `chats`, `read-events` by `log`, an operation by `ack` or `error`.
    A `final` record is a read made when all was over: the truth that everything is held against."""

    at: float
    kind: Kind
    client: str = ""
    connection: str = ""
    tenant: str = ""
    user: str = ""
    frame: Json = field(default_factory=dict)


@dataclass(slots=True)
class Tape:
    """Writes the records of one connection."""

    history: History
    client: str
    connection: str
    tenant: str = ""
    user: str = ""

    def sent(self, frame: Json) -> None:
        self._add("sent", frame)

    def received(self, frame: Json) -> None:
        if frame.get("type") == "welcome":
            self.tenant, self.user = frame["tenantId"], frame["user"]["id"]
        self._add("received", frame)

    def final(self, frame: Json) -> None:
        self._add("final", frame)

    def closed(self, code: int) -> None:
        self._add("closed", {"code": code})

    def _add(self, kind: Kind, frame: Json) -> None:
        self.history.add(
            kind,
            client=self.client,
            connection=self.connection,
            tenant=self.tenant,
            user=self.user,
            frame=frame,
        )


class History:
    def __init__(
        self, records: Iterable[Record] = (), *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.records = list(records)
        self._clock = clock
        self._connections = itertools.count(1)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def add(
        self,
        kind: Kind,
        *,
        client: str = "",
        connection: str = "",
        tenant: str = "",
        user: str = "",
        frame: Json | None = None,
    ) -> None:
        self.records.append(
            Record(self._clock(), kind, client, connection, tenant, user, frame or {})
        )

    def tape(self, client: str, *, tenant: str = "", user: str = "") -> Tape:
        """For one more connection of `client`."""
        return Tape(self, client, f"{client}#{next(self._connections)}", tenant, user)

    def fault(self, what: str) -> None:
        self.add("fault", frame={"what": what})

    def quiet(self) -> None:
        """From here on everyone who listens must have heard everything."""
        self.add("quiet")

    def save(self, path: Path) -> None:
        with path.open("w", encoding="utf-8") as lines:
            for record in self.records:
                lines.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, *paths: Path) -> History:
        """Several files are one history when they were written on one machine."""
        records = [
            Record(**json.loads(line))
            for path in paths
            for line in path.read_text(encoding="utf-8").splitlines()
        ]
        return cls(sorted(records, key=lambda record: record.at))
