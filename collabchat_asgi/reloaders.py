"""Development servers that start again when any file changes, and where pages are kept then."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

logger = logging.getLogger("collabchat_asgi.config")

NAME = "collabchat.db"
DEFAULT_STORAGE = f"sqlite:///{NAME}"
"""In the folder where the server is started."""


def watches_everything(argv: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Which reloader would take a commit for an edit of the code; None: there is none.

    uvicorn, hypercorn, Django and Flask watch Python files only.
    """
    if "WATCHFILES_CHANGES" in environ:
        return "watchfiles"
    reloads = "--reload" in argv or environ.get("GRANIAN_RELOAD", "").lower() in ("1", "true")
    return "granian --reload" if reloads and any("granian" in part for part in argv[:1]) else None


def default_storage(argv: Sequence[str] = sys.argv, environ: Mapping[str, str] = os.environ) -> str:
    """`sqlite:///collabchat.db`, unless that would have the server start again for ever.

    What is in that file already stays where it is; how to have it ignored is said then.
    """
    reloader = watches_everything(argv, environ)
    if reloader is None:
        return DEFAULT_STORAGE
    here = Path.cwd()
    if (here / NAME).exists():
        logger.warning(
            "%s starts again whenever %s changes: have it ignored (granian: "
            "--reload-ignore-patterns '%s'), or set COLLABCHAT_STORAGE to a file elsewhere",
            reloader,
            here / NAME,
            NAME.replace(".", r"\."),
        )
        return DEFAULT_STORAGE
    base = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    folder = Path(base) / "collabchat" / hashlib.blake2b(bytes(here), digest_size=8).hexdigest()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    logger.warning(
        "%s starts again whenever a file here changes: pages are kept in %s and not in %s. Set "
        "COLLABCHAT_STORAGE to choose",
        reloader,
        folder / NAME,
        here / NAME,
    )
    return f"sqlite:///{folder / NAME}"
