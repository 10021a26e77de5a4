"""A layered mapping is a dict, and a fork is a copy of it."""

from __future__ import annotations

from hypothesis import given

from collabchat_asgi.core.layered import Layered

from .histories import Tape, many, tapes


@many
@given(tapes)
def test_it_is_a_dict_and_a_fork_is_a_copy(data: bytes) -> None:
    tape = Tape(data)
    pairs: list[tuple[Layered[int], dict[str, int]]] = [(Layered(), {})]
    while tape:
        mapping, model = pairs[tape.below(len(pairs))]
        key = f"{tape.below(9)}"
        match tape.below(4):
            case 0 | 1:
                mapping[key] = model[key] = tape.below(100)
            case 2:
                assert mapping.pop(key, None) == model.pop(key, None)
            case _:
                for number in range(tape.below(2) * 100):
                    mapping[f"more {number}"] = model[f"more {number}"] = number
                pairs = [*pairs[-4:], (mapping.fork(), dict(model))]
        assert (key in mapping) == (key in model)
        assert mapping.get(key) == model.get(key)
        assert mapping.get(key, -1) == model.get(key, -1)
    for mapping, model in pairs:
        assert list(mapping.items()) == list(model.items())
        assert list(reversed(mapping)) == list(reversed(model))
        assert dict(Layered.of(mapping)) == model
        assert len(mapping) == len(model)


def test_a_fork_costs_what_was_changed_and_not_what_is_there() -> None:
    mapping: Layered[int] = Layered()
    for number in range(10_000):
        mapping[f"{number}"] = number
    mapping = mapping.fork()
    base = mapping._base
    for number in range(100):
        mapping[f"new {number}"] = number
        mapping = mapping.fork()
        assert mapping._base is base, "nothing is copied that was not changed"
        assert len(mapping._changes) == number + 1
