"""Development servers that serve WSGI: nothing of ours is reached under them."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

logger = logging.getLogger("collabchat_asgi")


def cure_under_wsgi(argv: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """What to start in place of what was started; None: it may well serve ASGI."""
    command = argv[1:]
    if environ.get("FLASK_RUN_FROM_CLI") == "true" and "run" in command:
        return (
            "flask run serves WSGI, so there is no {prefix} under it: start the app with an ASGI "
            "server, as uvicorn module:asgi_app --reload"
        )
    by_django = Path(argv[0] if argv else "").name in ("manage.py", "django-admin", "__main__.py")
    if by_django and command[:1] == ["runserver"] and not _brings_its_own_runserver():
        return (
            "Django's runserver serves WSGI, so there is no {prefix} under it: start uvicorn "
            'project.asgi:application --reload, or put "daphne" first into INSTALLED_APPS and set '
            "ASGI_APPLICATION"
        )
    return None


def _brings_its_own_runserver() -> bool:
    """Whether an app that is installed has put an ASGI server in the place of Django's."""
    conf = sys.modules.get("django.conf")
    if conf is None or not conf.settings.configured:
        return False
    apps = {app.partition(".")[0] for app in conf.settings.INSTALLED_APPS}
    return not apps.isdisjoint(("daphne", "channels", "uvicorn"))


def warn_under_wsgi(prefix: str) -> None:
    """Where the developer looks: in the terminal of the server."""
    cure = cure_under_wsgi(sys.argv, os.environ)
    if cure is not None:
        logger.warning("collabchat cannot be reached: %s", cure.format(prefix=prefix))
