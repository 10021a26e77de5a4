"""What redis-py raises, sorted: away for now, or wrong for good."""

from __future__ import annotations

import re

from redis.exceptions import (
    AuthenticationError,
    ConnectionError,
    RedisError,
    ResponseError,
    TimeoutError,
)

__all__ = ["AWAY", "explain", "is_away", "may_pass"]

AWAY = (RedisError, OSError, EOFError)
"""Whatever a call may raise where a server is gone, odd, or speaks nonsense."""

PASSING = {"ASK", "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MOVED", "NOREPLICAS"}
PASSING |= {"READONLY", "TRYAGAIN", "UNBLOCKED"}
LASTING = {
    "OOM": "is out of memory: raise its maxmemory",
    "MISCONF": "cannot write to its disk: see its log",
}
CURES = {
    "NOAUTH": "wants a password: redis://user:password@host",
    "WRONGPASS": "refuses user or password",
}


def _code(error: BaseException) -> str:
    """The word with which the server's answer began. redis-py cuts it off where it has a class."""
    names = {
        "AskError": "ASK",
        "AuthenticationError": "WRONGPASS",
        "AuthenticationWrongNumberOfArgsError": "WRONGPASS",
        "BusyLoadingError": "LOADING",
        "ClusterDownError": "CLUSTERDOWN",
        "MasterDownError": "MASTERDOWN",
        "MovedError": "MOVED",
        "NoPermissionError": "NOPERM",
        "OutOfMemoryError": "OOM",
        "ReadOnlyError": "READONLY",
        "TryAgainError": "TRYAGAIN",
    }
    text = str(error)
    if isinstance(error, AuthenticationError) and "required" in text.lower():
        return "NOAUTH"
    return names.get(type(error).__name__) or text.partition(" ")[0]


UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"
"""In the text of a connection error whose cause is a certificate."""


def _grant(text: str) -> str:
    """The statement that gives what is missing, by the server's own words."""
    if found := re.search(r"'([\w|-]+)' command", text):
        right = f"+{found[1]}"
    elif "channel" in text:
        right = "&<prefix>:* (the option prefix, otherwise collabchat)"
    elif "key" in text:
        right = "~<prefix>* (the option prefix, otherwise collabchat)"
    else:
        right = "+<command>"
    return f"does not let this user do that ({text}): ACL SETUSER <user> {right}"


def is_away(error: BaseException) -> bool:
    """Whether trying again may help, now or later."""
    if isinstance(error, UnicodeError):  # a text that cannot be sent
        return False
    code = _code(error)
    if code in CURES or code == "NOPERM" or UNTRUSTED in str(error):
        return False
    if isinstance(error, ResponseError):
        return code in PASSING or code in LASTING
    return True


def may_pass(error: BaseException, *, again: bool) -> bool:
    """Whether to try again at once: not where an operator has to do something first, and without
    `again` only where the server has surely not done it."""
    refused = _code(error) in PASSING
    return refused or (again and not isinstance(error, ResponseError))


def explain(error: BaseException) -> str:
    code = _code(error)
    if code == "NOPERM":
        return _grant(str(error).removeprefix("NOPERM ").strip())
    if UNTRUSTED in str(error):
        return (
            "shows a certificate that nobody here vouches for: name it, or who signed it, with "
            "?ssl_ca_certs=/path.pem (and ssl_check_hostname=false where it names another host), "
            f"or trust any with ?ssl_cert_reqs=none ({error})"
        )
    if hint := CURES.get(code) or LASTING.get(code):
        return hint
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionError | OSError):
        return f"cannot be reached ({error})"
    return f"{type(error).__name__}: {error}"
