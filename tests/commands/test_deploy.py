"""examples/deploy says nothing that this release does not know."""

from __future__ import annotations

import argparse
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from collabchat_asgi import registry
from collabchat_asgi.cli import COMMANDS
from collabchat_asgi.settings import VARIABLES

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text()
RESTORE = (DEPLOY / "RESTORE.md").read_text()
SET = re.compile(r"^ +#? ?(COLLABCHAT_\w+): (\S+)$", re.MULTILINE)


def test_every_variable_and_url_is_known() -> None:
    given = SET.findall(COMPOSE)
    assert len(given) == 6
    for name, value in given:
        assert name in VARIABLES
        if name == "COLLABCHAT_STORAGE":
            registry.make_storage(value)
        elif name == "COLLABCHAT_PUBSUB" and not value.startswith("nats:"):
            registry.make_pubsub(value)


def test_the_app_is_there() -> None:
    [found] = re.findall(r"uvicorn (\S+):(\S+)", COMPOSE)
    assert hasattr(import_module(found[0]), found[1])


@pytest.mark.parametrize("line", re.findall(r"`collabchat (\S+ [^`]+)`", RESTORE))
def test_every_command_of_the_recipe_is_one(line: str) -> None:
    name, *given = shlex.split(line)
    parser = argparse.ArgumentParser(exit_on_error=False)
    import_module(COMMANDS[name]).add_arguments(parser)
    parser.parse_args(given)
