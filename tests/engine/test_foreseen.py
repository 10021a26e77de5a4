"""What a commit has folded is not folded again where the log has led the page to the same place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from msgspec import UNSET

from collabchat_asgi.core.model import UpdatedTextChat, User
from collabchat_asgi.core.state import State
from collabchat_asgi.engine.writing.plan import decode_receipt, encode_receipt
from collabchat_asgi.testing.operations import create_chat, delete_chat, new_id

from .harness import Server

Start = Callable[..., Awaitable[Server]]
ANN = User("ann", "Ann")


async def test_what_was_foreseen_is_taken_only_where_the_log_leads_there(start: Start) -> None:
    server = await start()
    ann = await server.join("ann")
    await ann.do(create_chat("one"))
    page = server.open_page()
    epoch, seq = page.position
    [chat_id] = page.state.chats

    def event(number: int, change: str) -> UpdatedTextChat:
        return UpdatedTextChat(seq + number, new_id(), number, ANN, chat_id, change)

    def foresee(before: State, one: UpdatedTextChat) -> State:
        after = page.state.fork()
        after.fold(epoch, one)
        page.foresee(before, after, {})
        return after

    first = event(1, "resolved")
    after = foresee(page.state, first)
    page.accept(epoch, [first, event(2, "reopened")])
    assert page.position == (epoch, seq + 2)
    assert page.state is not after, "the log has led further"
    assert page.state.chats[chat_id].resolved is UNSET

    third = event(3, "resolved")
    after = foresee(page.state, third)
    page.accept(epoch, [third])
    assert page.state is after
    assert page.position == (epoch, seq + 3)

    fourth = event(4, "reopened")
    after = foresee(State(), fourth)
    page.accept(epoch, [fourth])
    assert page.state is not after, "it was foreseen of another page"
    assert page.state.chats[chat_id].resolved is UNSET


def test_a_receipt_says_the_same_as_ever() -> None:
    chat_id, comment_id = new_id(), new_id()
    for told in ((1, chat_id, comment_id), (2**53, chat_id, None)):
        receipt = encode_receipt(*told)
        assert receipt == msgspec.json.encode(told), "records of earlier releases read alike"
        assert decode_receipt(receipt) == told


async def test_what_is_lent_is_not_changed_by_what_is_heard_meanwhile(start: Start) -> None:
    """A commit may be validated again on it, in another thread."""
    server = await start()
    ann = await server.join("ann")
    await ann.do(create_chat("one"))
    page = server.open_page()
    [chat_id] = page.state.chats
    lent = page.lend()
    epoch, seq = lent.position
    for number, change in enumerate(("resolved", "reopened"), 1):
        page.accept(epoch, [UpdatedTextChat(seq + number, new_id(), 1, ANN, chat_id, change)])
    assert (lent.position, page.position) == ((epoch, seq), (epoch, seq + 2))
    assert lent.chats[chat_id].updated_at != 1
    going_on = page.state
    page.accept(epoch, [UpdatedTextChat(seq + 3, new_id(), 1, ANN, chat_id, "resolved")])
    assert page.state is going_on, "nobody has it, so it is not copied"

    await ann.do(delete_chat(chat_id))
    lent = page.lend()
    page.forget_deleted(2**53)
    assert (len(lent.deleted), len(page.state.deleted)) == (2, 0)


async def test_a_page_keeps_what_it_has_folded_itself_meanwhile(start: Start) -> None:
    server = await start()
    ann = await server.join("ann")
    await ann.do(create_chat("one"))
    page = server.open_page()
    before = page.state
    for number in range(3):
        await ann.do(create_chat(f"chat {number}"))
    assert page.state is not before, "each commit brings its own"
    assert len(page.state.chats) == 4
    assert len(before.chats) == 1, "and changes none that somebody may still read"
