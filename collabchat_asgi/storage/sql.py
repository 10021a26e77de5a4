"""What an SQL storage asks, written once and without I/O.

A procedure is a generator: it yields statements and is sent the rows of each. An act yields
transactions, each with a procedure of its own, and is sent what the procedure returned, or has the
error raised where it waits. Two drivers carry them out: `sqlite_lane` in a thread, on the standard
library's sqlite3, and `postgres_calls` in the event loop, on asyncpg.

Statements are text, the same for all databases: `$1`, `$2` … are what is given, `{page}`,
`{entry}` … the tables. What databases say differently is a `Dialect`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeAlias, TypeVar

__all__ = [
    "TODAY",
    "Act",
    "Changes",
    "Dialect",
    "Procedure",
    "Row",
    "Statement",
    "Transaction",
    "one_act",
]

TODAY = "{now} / 86400000"
"""An expression: the storage's own day since 1970, in UTC."""
T = TypeVar("T")
P = ParamSpec("P")
Row: TypeAlias = Sequence[Any]


class Statement(NamedTuple):
    text: str
    given: Sequence[Any] = ()
    each: bool = False
    """Once for each of `given`, which are rows then; nothing comes back."""


Procedure: TypeAlias = Generator[Statement, Sequence[Row], T]


class Transaction(NamedTuple):
    """All of a procedure, or nothing of it."""

    procedure: Procedure[Any]
    kept: bool = True
    """False: it is rolled back at the end, whatever comes of it."""


Act: TypeAlias = Generator[Transaction, Any, T]


def one_act(procedure: Callable[P, Procedure[T]]) -> Callable[P, Act[T]]:
    """The act that is one transaction."""

    @wraps(procedure)
    def act(*args: P.args, **kwargs: P.kwargs) -> Act[T]:
        result: T = yield Transaction(procedure(*args, **kwargs))
        return result

    return act


class Changes(NamedTuple):
    """What a commit writes, as rows in the order of the columns named here."""

    heads: list[Row]
    """epoch, seq, id"""
    entries: list[Row]
    """page_id, broadcast_id, seq, epoch, event, body_key, user_id, fingerprint, receipt"""
    puts: list[Row]
    """page_id, key, value, body, body_seq"""
    deletes: list[Row]
    """page_id, key"""


class Dialect(ABC):
    """What one database says differently from another."""

    now: str
    """An expression: the storage's own time, Unix, in milliseconds."""
    lock: str
    """What keeps others off the rows of `page` that a statement gives."""
    may_lose: bool
    """Whether a failover may lose what was committed, while who committed it goes on."""

    @abstractmethod
    def spell(self, text: str) -> str:
        """A statement as this database reads it."""

    @abstractmethod
    def rows(self, name: str, columns: Mapping[str, str], first: int = 1) -> str:
        """Any number of given rows as something to select from: one statement, one plan, however
        many rows. `columns` are names with their types; `first` is the number of the first
        parameter."""

    @abstractmethod
    def give(self, rows: Sequence[Row], width: int) -> Sequence[object]:
        """The parameters for `rows` of so many columns."""

    @abstractmethod
    def width(self, columns: int) -> int:
        """How many parameters `rows` of so many columns takes."""

    @abstractmethod
    def write(self, changes: Changes) -> Sequence[Statement]:
        """The statements that bring `changes` into the tables."""

    @abstractmethod
    def has(self, name: str) -> Statement:
        """Gives a row where a table or an index of that name is there."""

    @abstractmethod
    def owns(self, name: str) -> Statement:
        """Gives a row where we may change the table of that name."""

    @abstractmethod
    def refuses(self, error: BaseException) -> bool:
        """Whether `error` is the fault of what was to be stored, not of the storage."""

    def told(self, error: Exception) -> Exception:
        """The same for a log, where nothing that was to be stored may be told."""
        return error
