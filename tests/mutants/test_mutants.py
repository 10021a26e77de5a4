"""Every promise has a server that breaks it, and a check that notices. A survivor is a failure."""

from __future__ import annotations

import pytest

from .mutants import MUTANTS, Mutant
from .stories import STORIES


@pytest.mark.parametrize("story", STORIES)
async def test_the_server_as_it_is_survives(story: str) -> None:
    assert await STORIES[story]() == set()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
async def test_the_mutant_is_killed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant.apply(monkeypatch)
    try:
        found = await STORIES[mutant.story]()
    except AssertionError as error:
        found = {"assertion"}
        why = str(error).partition("\n")[0][:70]
    else:
        why = ", ".join(sorted(found))
    print(f"| {mutant.promise} | {mutant.name} | {mutant.story}: {why} |")
    assert found, f"{mutant.name} survives {mutant.story}"
    assert found & mutant.killers, f"killed by accident: {why}"
