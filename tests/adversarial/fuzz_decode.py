"""Whatever the bytes, the decoders take them, or refuse them in the words of PROTOCOL, at once.

    pip install atheris
    python tests/adversarial/fuzz_decode.py -max_total_time=60

The options are libFuzzer's. The corpus is made anew from valid frames; a directory named in the
command is used and grown besides. What breaks is written to `crash-…` here, and
`python tests/adversarial/fuzz_decode.py crash-…` plays it again.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

atheris: Any = None
if __name__ == "__main__":
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        sys.exit(
            "atheris is not installed: pip install atheris (Linux x86-64, Python 3.11 to 3.13)"
        )

with atheris.instrument_imports(["collabchat_asgi"]) if atheris else contextlib.nullcontext():
    from collabchat_asgi.core.frames import (
        decode,
        decode_hello,
        decode_operation,
        encode,
    )
    from collabchat_asgi.errors import CloseCode, Closed, Refused
    from collabchat_asgi.testing import operations as op

LIMITS = {"body_chars": 2_000, "anchor_bytes": 900, "url_id_chars": 512}
CODES = {"invalid", "too-long", "unsupported"}
SECONDS = 2
"""One input may take so long, on a busy machine and instrumented."""


def corpus() -> list[bytes]:
    """Every type of frame once, and every shape that a decoder has a branch for."""
    chat, comment = op.new_id(), op.new_id()
    page = {"urlId": "/a"}
    frames = [
        {"type": "hello", "tenantId": "acme", "token": "t", "visitorId": "v", "client": "js/1"},
        {"type": "subscribe", **page, "since": {"epoch": "e", "seq": 5}},
        {"type": "unsubscribe", **page},
        {"type": "typing", **page, "chatId": chat},
        {"type": "refresh", "token": "t"},
        {"type": "ping", "n": 2**53},
        {"type": "pong", "n": -1.5e10},
        *(
            page | operation
            for operation in (
                op.create_chat("é👍\u202e"),
                op.add_comment(chat),
                op.edit_comment(chat, comment, "x"),
                op.delete_comment(chat, comment),
                op.resolve_chat(chat),
                op.reopen_chat(chat),
                op.move_anchor(chat, op.anchor(start=3)),
                op.delete_chat(chat),
                op.add_reaction(chat, comment),
                op.remove_reaction(chat, comment, "🇩🇪"),
            )
        ),
    ]
    return [json.dumps(frame, ensure_ascii=n % 2 == 0).encode() for n, frame in enumerate(frames)]


def check(data: bytes) -> None:
    """Raises whatever is no answer of PROTOCOL."""
    text = data.decode(errors="replace")
    with contextlib.suppress(Refused, Closed):
        frame = judged(lambda: decode(text, **LIMITS))
        assert decode(encode(frame), **LIMITS) == frame
    with contextlib.suppress(Refused, Closed):
        judged(lambda: decode_hello(text))
    with contextlib.suppress(Refused):
        judged(lambda: decode_operation(data, **LIMITS))


def judged(decoding: Any) -> Any:
    try:
        return decoding()
    except (Refused, Closed) as refusal:
        judge(refusal)
        raise


def judge(refusal: Refused | Closed) -> None:
    if isinstance(refusal, Closed):
        assert refusal.code == CloseCode.MALFORMED
        assert refusal.reason.isascii()
        assert len(refusal.reason) <= 60
    else:
        assert refusal.code in CODES
        assert len(refusal.message) < 300
        assert len(refusal.field or "") < 100
        encode([refusal.message, refusal.field])


def main() -> None:
    with tempfile.TemporaryDirectory() as seeds:
        for number, frame in enumerate(corpus()):
            Path(seeds, str(number)).write_bytes(frame)
        replays = any(Path(given).is_file() for given in sys.argv[1:])
        options = [f"-timeout={SECONDS}", "-max_len=70000", *sys.argv[1:]]
        child = os.fork()
        if child == 0:
            atheris.Setup([sys.argv[0], *options, *([] if replays else [seeds])], check)
            atheris.Fuzz()  # ends the process, whatever it finds
        status = os.waitpid(child, 0)[1]
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
