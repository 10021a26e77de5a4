from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from msgspec import UNSET

from collabchat_asgi.core.model import (
    AddComment,
    AddReaction,
    Anchor,
    ChatDraft,
    CreateChat,
    DeleteChat,
    DeleteComment,
    DeletedTextChat,
    Draft,
    EditComment,
    EditedDraft,
    Event,
    MoveAnchor,
    NewTextChat,
    Operation,
    RemoveReaction,
    ReopenChat,
    ResolveChat,
    UpdatedTextChat,
    User,
)
from collabchat_asgi.core.rules import (
    ROLE_ACTIONS,
    PageLimits,
    action_for,
    decide,
    fingerprint,
    with_ids,
)
from collabchat_asgi.core.state import State
from collabchat_asgi.core.text import is_uuid
from collabchat_asgi.errors import Refused

from .histories import (
    ANN,
    BORIS,
    EMOJI,
    EPOCH,
    EVE,
    LIMITS,
    URL,
    USERS,
    Page,
    Tape,
    anchor,
    catches,
    chats,
    everything,
    many,
    refusal,
    tapes,
    uid,
)

Decide = Callable[..., Event | None]
TIGHT = PageLimits(
    chats=3,
    bytes=1_000_000,
    reactions=1,
    users_per_reaction=2,
    comments=1_000,
    deleted=10_000,
)


# A second telling of PROTOCOL section 4, as plainly as it can be told.


@dataclass
class ModelComment:
    author: str
    body: str
    reactions: dict[str, set[str]] = field(default_factory=dict)


@dataclass
class ModelChat:
    anchor: Anchor
    comments: dict[str, ModelComment]
    resolved: bool = False


class Model:
    def __init__(self, limits: PageLimits) -> None:
        self.limits = limits
        self.chats: dict[str, ModelChat] = {}
        self.used: set[str] = set()

    def apply(self, operation: Operation, user: str) -> str:
        """What becomes of the operation: an event's name, "nothing", or an error code."""
        if isinstance(operation, CreateChat):
            return self._create(operation, user)
        chat = self.chats.get(operation.chat_id)
        if chat is None:
            return "not-found"
        match operation:
            case AddComment(comment=draft):
                if draft.id in self.used:
                    return "conflict"
                self.used.add(str(draft.id))
                chat.comments[str(draft.id)] = ModelComment(user, draft.body)
                return "comment-added"
            case ResolveChat() | ReopenChat():
                wanted = isinstance(operation, ResolveChat)
                if chat.resolved == wanted:
                    return "nothing"
                chat.resolved = wanted
                return "resolved" if wanted else "reopened"
            case MoveAnchor():
                if chat.anchor == operation.anchor:
                    return "nothing"
                chat.anchor = operation.anchor
                return "anchor-moved"
            case DeleteChat():
                del self.chats[operation.chat_id]
                return "deleted-text-chat"
        id = operation.named[1]
        comment = chat.comments.get(str(id))
        if comment is None:
            return "not-found"
        match operation:
            case EditComment(comment=edit):
                if comment.author != user:
                    return "forbidden"
                if comment.body == edit.body:
                    return "nothing"
                comment.body = edit.body
                return "comment-edited"
            case DeleteComment():
                if len(chat.comments) == 1:
                    del self.chats[operation.chat_id]
                    return "deleted-text-chat"
                del chat.comments[operation.comment_id]
                return "comment-deleted"
            case AddReaction(emoji=emoji):
                people = comment.reactions.get(emoji, set())
                if user in people:
                    return "nothing"
                full = len(people) >= self.limits.users_per_reaction
                if full or (not people and len(comment.reactions) >= self.limits.reactions):
                    return "too-many"
                comment.reactions[emoji] = people | {user}
                return "reaction-added"
            case RemoveReaction(emoji=emoji):
                if user not in comment.reactions.get(emoji, set()):
                    return "nothing"
                comment.reactions[emoji].remove(user)
                if not comment.reactions[emoji]:
                    del comment.reactions[emoji]
                return "reaction-removed"
        raise AssertionError(operation)

    def _create(self, operation: CreateChat, user: str) -> str:
        id, comment = str(operation.chat.id), operation.chat.comment
        if id == comment.id or id in self.used or comment.id in self.used:
            return "conflict"
        if len(self.chats) >= self.limits.chats:
            return "too-many"
        self.used |= {id, str(comment.id)}
        first = ModelComment(user, comment.body)
        self.chats[id] = ModelChat(operation.chat.anchor, {str(comment.id): first})
        return "new-text-chat"


def any_operation(page: Page, tape: Tape) -> Operation:
    """Like `Page.operation`, and now and then one that names what is not, or was, there."""
    operation = page.operation(tape)
    if tape.below(3):
        return operation
    old = uid(1 + tape.below(page._serial))
    match operation:
        case CreateChat(chat=draft):
            comment = Draft(draft.comment.body, old if tape.below(2) else draft.comment.id)
            draft = ChatDraft(draft.anchor, comment, old if tape.below(2) else draft.id)
            return CreateChat(url_id=URL, chat=draft)
        case AddComment():
            comment = Draft(operation.comment.body, old)
            return msgspec.structs.replace(operation, comment=comment)
        case EditComment(comment=edit):
            known = page.state.comment(operation.chat_id, edit.id)
            same = known is not None and tape.below(2) == 0
            draft_ = EditedDraft(edit.id if same else old, known.body if same and known else "x")
            return msgspec.structs.replace(operation, comment=draft_)
        case DeleteComment() | AddReaction() | RemoveReaction() if tape.below(2):
            return msgspec.structs.replace(operation, comment_id=old)
    return msgspec.structs.replace(operation, chat_id=old)


def check_rules(decide: Decide, data: bytes) -> None:
    """The rules say what the model says, twice the same, and touch nothing."""
    tape = Tape(data)
    page, model = Page(TIGHT), Model(TIGHT)
    while tape:
        operation, user = any_operation(page, tape), tape.one(USERS)
        told = [outcome(decide, page, operation, user) for _ in range(2)]
        assert told[0] == told[1]
        result = told[0]
        expected = model.apply(operation, user.id)
        if isinstance(result, str):
            assert result == expected
            continue
        name = result.change if isinstance(result, UpdatedTextChat) else tag(result)
        assert name == expected
        assert result.seq == page.state.position.seq + 1
        assert (result.user, result.ts, result.broadcast_id) == (user, 77, uid(5))
        page.state.fold(EPOCH, result)
        assert page.state.position == (EPOCH, result.seq)
        assert seen(page.state) == seen_model(model)


def outcome(decide: Decide, page: Page, operation: Operation, user: User) -> Event | str:
    before = everything(page.state)
    try:
        event = decide(
            page.state, operation, user=user, ts=77, broadcast_id=uid(5), limits=page.limits
        )
    except Refused as refused:
        return refused.code
    finally:
        assert everything(page.state) == before
    return event or "nothing"


def tag(event: Event) -> str:
    return str(type(event).__struct_config__.tag)


def seen(state: State) -> object:
    return {
        id: (
            chat.anchor,
            chat.resolved is not UNSET,
            {
                comment.id: (
                    comment.author.id,
                    comment.body,
                    {}
                    if comment.reactions is UNSET
                    else {emoji: set(people) for emoji, people in comment.reactions.items()},
                )
                for comment in chat.comments
            },
        )
        for id, chat in chats(state).items()
    }


def seen_model(model: Model) -> object:
    return {
        id: (
            chat.anchor,
            chat.resolved,
            {
                comment_id: (comment.author, comment.body, comment.reactions)
                for comment_id, comment in chat.comments.items()
            },
        )
        for id, chat in model.chats.items()
    }


@many
@given(tapes)
def test_the_rules_are_the_models(data: bytes) -> None:
    check_rules(decide, data)


def anyone_edits(state: State, operation: Operation, *, user: User, **rest: object) -> Event | None:
    if isinstance(operation, EditComment):
        known = state.comment(operation.chat_id, operation.comment.id)
        user = known.author if known else user
    return decide(state, operation, user=user, **rest)  # type: ignore[arg-type]


def forgets_deleted_ids(state: State, operation: Operation, **rest: object) -> Event | None:
    fork = state.fork()
    fork.deleted.clear()
    return decide(fork, operation, **rest)  # type: ignore[arg-type]


def one_too_many(state: State, operation: Operation, **rest: object) -> Event | None:
    limits = rest.pop("limits")
    assert isinstance(limits, PageLimits)
    more = replace(limits, chats=limits.chats + 1)
    return decide(state, operation, limits=more, **rest)  # type: ignore[arg-type]


def leaves_empty_chats(state: State, operation: Operation, **rest: object) -> Event | None:
    event = decide(state, operation, **rest)  # type: ignore[arg-type]
    if isinstance(operation, DeleteComment) and isinstance(event, DeletedTextChat):
        id = operation.comment_id
        return UpdatedTextChat(
            event.seq, event.broadcast_id, event.ts, event.user, event.chat_id, "comment-deleted",
            comment_id=id,
        )  # fmt: skip
    return event


@pytest.mark.parametrize(
    "mutant", [anyone_edits, forgets_deleted_ids, one_too_many, leaves_empty_chats]
)
def test_a_wrong_rule_is_noticed(mutant: Decide) -> None:
    assert catches(lambda data: check_rules(mutant, data))


# Examples: which field a refusal names, limits, and what the model leaves out.


class Scene:
    """Ann's chat with her comment and one of Boris."""

    def __init__(self, limits: PageLimits = LIMITS) -> None:
        self.page = Page(limits)
        self.chat, self.hers, self.his = (self.page.fresh() for _ in range(3))
        self.do(create(self.chat, self.hers, "one"))
        self.do(AddComment(url_id=URL, chat_id=self.chat, comment=Draft("two", self.his)), BORIS)

    def do(self, operation: Operation, user: User = ANN) -> Event | None:
        return self.page.do(operation, user)

    def edit(self, id: str, body: str = "new") -> EditComment:
        return EditComment(url_id=URL, chat_id=self.chat, comment=EditedDraft(id, body))

    def react(self, emoji: str = "👍", id: str | None = None) -> AddReaction:
        return AddReaction(url_id=URL, chat_id=self.chat, comment_id=id or self.hers, emoji=emoji)


def create(chat: str, comment: str, body: str = "body") -> CreateChat:
    return CreateChat(url_id=URL, chat=ChatDraft(anchor(), Draft(body, comment), chat))


def test_ids_are_taken_once_and_for_chats_and_comments_alike() -> None:
    scene = Scene()
    new = uid(900)
    conflict = [
        (create(scene.chat, new), "chat.id"),
        (create(scene.hers, new), "chat.id"),
        (create(new, scene.chat), "chat.comment.id"),
        (create(new, new), "chat.id"),
        (
            AddComment(url_id=URL, chat_id=scene.chat, comment=Draft("x", scene.his)),
            "comment.id",
        ),
    ]
    for operation, field_name in conflict:
        assert refusal(lambda op=operation: scene.do(op)) == ("conflict", field_name)  # type: ignore[misc]
    scene.do(DeleteChat(url_id=URL, chat_id=scene.chat))
    for id in (scene.chat, scene.hers, scene.his):
        assert refusal(lambda id=id: scene.do(create(id, new))) == ("conflict", "chat.id")  # type: ignore[misc]


def test_what_is_not_there_is_not_found() -> None:
    scene = Scene()
    no = uid(900)
    for operation in (
        AddComment(url_id=URL, chat_id=no, comment=Draft("x", uid(901))),
        EditComment(url_id=URL, chat_id=no, comment=EditedDraft(scene.hers, "x")),
        DeleteComment(url_id=URL, chat_id=no, comment_id=scene.hers),
        ResolveChat(url_id=URL, chat_id=no),
        ReopenChat(url_id=URL, chat_id=no),
        MoveAnchor(url_id=URL, chat_id=no, anchor=anchor()),
        DeleteChat(url_id=URL, chat_id=no),
        AddReaction(url_id=URL, chat_id=no, comment_id=scene.hers, emoji="👍"),
        RemoveReaction(url_id=URL, chat_id=no, comment_id=scene.hers, emoji="👍"),
    ):
        assert refusal(lambda op=operation: scene.do(op)) == ("not-found", "chatId")  # type: ignore[misc]
    for comment_operation, field_name in (
        (scene.edit(no), "comment.id"),
        (DeleteComment(url_id=URL, chat_id=scene.chat, comment_id=no), "commentId"),
        (scene.react(id=no), "commentId"),
    ):
        refused = refusal(lambda op=comment_operation: scene.do(op))  # type: ignore[misc]
        assert refused == ("not-found", field_name)


def test_a_comment_of_another_chat_is_not_found() -> None:
    scene = Scene()
    scene.do(create(uid(900), uid(901)))
    operation = DeleteComment(url_id=URL, chat_id=uid(900), comment_id=scene.hers)
    assert refusal(lambda: scene.do(operation)) == ("not-found", "commentId")


def test_only_its_author_edits_a_comment() -> None:
    scene = Scene()
    assert refusal(lambda: scene.do(scene.edit(scene.hers), BORIS))[0] == "forbidden"
    event = scene.do(scene.edit(scene.hers), ANN)
    assert isinstance(event, UpdatedTextChat)
    assert event.comment is not UNSET
    assert event.comment.edited_at == event.ts


def test_what_changes_nothing_makes_no_event() -> None:
    scene = Scene()
    nothing: list[Operation] = [
        scene.edit(scene.hers, "one"),
        ReopenChat(url_id=URL, chat_id=scene.chat),
        MoveAnchor(url_id=URL, chat_id=scene.chat, anchor=anchor()),
        RemoveReaction(url_id=URL, chat_id=scene.chat, comment_id=scene.hers, emoji="👍"),
    ]
    assert [scene.do(operation) for operation in nothing] == [None] * 4
    for operation in (ResolveChat(url_id=URL, chat_id=scene.chat), scene.react()):
        assert scene.do(operation) is not None
        assert scene.do(operation) is None


def test_the_last_comment_takes_its_chat_along() -> None:
    scene = Scene()
    one = scene.do(DeleteComment(url_id=URL, chat_id=scene.chat, comment_id=scene.his))
    two = scene.do(DeleteComment(url_id=URL, chat_id=scene.chat, comment_id=scene.hers))
    assert isinstance(one, UpdatedTextChat)
    assert (one.change, one.comment_id) == ("comment-deleted", scene.his)
    assert isinstance(two, DeletedTextChat)


def test_a_page_holds_so_many_chats() -> None:
    scene = Scene(replace(LIMITS, chats=2))
    scene.do(create(uid(900), uid(901)))
    assert refusal(lambda: scene.do(create(uid(902), uid(903))))[0] == "too-many"
    scene.do(DeleteChat(url_id=URL, chat_id=uid(900)))
    assert scene.do(create(uid(902), uid(903))) is not None


def test_a_chat_has_so_many_comments() -> None:
    scene = Scene(replace(LIMITS, comments=3))

    def add(number: int) -> AddComment:
        return AddComment(url_id=URL, chat_id=scene.chat, comment=Draft("x", uid(number)))

    assert scene.do(add(900)) is not None
    assert refusal(lambda: scene.do(add(901)))[0] == "too-many"
    scene.do(DeleteComment(url_id=URL, chat_id=scene.chat, comment_id=scene.his), BORIS)
    assert scene.do(add(901)) is not None


def test_a_page_remembers_so_many_deleted_ids() -> None:
    """Everyone who opens the page loads them. Those that may come again make room."""
    scene = Scene(replace(LIMITS, deleted=4))
    for number in (900, 910):
        scene.do(create(uid(number), uid(number + 1)))
        scene.do(DeleteChat(url_id=URL, chat_id=uid(number)))
    more = AddComment(url_id=URL, chat_id=scene.chat, comment=Draft("x", uid(920)))
    for operation in (more, create(uid(921), uid(922))):
        assert refusal(lambda op=operation: scene.do(op))[0] == "too-many"  # type: ignore[misc]
    state = scene.page.state
    at = max(state.deleted.values())
    assert state.forget(at) == []
    assert len(state.forget(at + 1)) == 4
    assert scene.do(more) is not None


def test_names_weigh() -> None:
    """A page that is full of one-letter comments by people with long names is full."""
    scene = Scene()
    before = scene.page.state.size
    operation = AddComment(url_id=URL, chat_id=scene.chat, comment=Draft("x", uid(900)))
    scene.do(operation, User("zoe", "Z" * 200, "a" * 1_000))
    assert scene.page.state.size - before == 300 + 1 + 200 + 1_000


def test_reactions_are_bounded_by_kind_and_by_people() -> None:
    scene = Scene(replace(LIMITS, reactions=2, users_per_reaction=2))
    for emoji in EMOJI:
        scene.do(scene.react(emoji))
    assert refusal(lambda: scene.do(scene.react("🎉")))[0] == "too-many"
    scene.do(scene.react(), BORIS)
    assert refusal(lambda: scene.do(scene.react(), EVE))[0] == "too-many"
    assert scene.do(scene.react(), BORIS) is None


def test_a_full_page_takes_no_more_text_and_lets_go() -> None:
    scene = Scene()
    room = scene.page.state.size
    scene.page.limits = replace(LIMITS, bytes=room + 4)
    for operation in (
        create(uid(900), uid(901), "ЯЯЯ"),
        AddComment(url_id=URL, chat_id=scene.chat, comment=Draft("ЯЯЯ", uid(901))),
        scene.edit(scene.hers, "one, longer"),
    ):
        assert refusal(lambda op=operation: scene.do(op)) == ("quota", None)  # type: ignore[misc]
    assert scene.do(scene.edit(scene.hers, "1234567")) is not None
    assert scene.do(scene.edit(scene.hers, "1")) is not None
    assert scene.do(DeleteChat(url_id=URL, chat_id=scene.chat)) is not None


def test_the_event_tells_what_was_asked() -> None:
    scene = Scene()
    made, added = scene.page.events
    assert isinstance(made, NewTextChat)
    assert (made.chat.id, made.chat.anchor, made.chat.comment.id) == (
        scene.chat,
        anchor(),
        scene.hers,
    )
    assert made.chat.comment.edited_at is UNSET
    assert isinstance(added, UpdatedTextChat)
    assert (added.change, added.chat_id, added.seq) == ("comment-added", scene.chat, 2)
    moved = scene.do(MoveAnchor(url_id=URL, chat_id=scene.chat, anchor=anchor(2)))
    assert isinstance(moved, UpdatedTextChat)
    assert (moved.change, moved.anchor) == ("anchor-moved", anchor(2))


@pytest.mark.parametrize("own", [True, False])
def test_which_permission_is_asked_for(own: bool) -> None:
    scene = Scene()
    chat, comment, state = scene.chat, scene.hers, scene.page.state
    user = ANN.id if own else BORIS.id
    by_owner = "comment" if own else "moderate"
    for operation, expected in (
        (create(uid(900), uid(901)), "comment"),
        (AddComment(url_id=URL, chat_id=chat, comment=Draft("x")), "comment"),
        (scene.edit(comment), "comment"),
        (DeleteComment(url_id=URL, chat_id=chat, comment_id=comment), by_owner),
        (ResolveChat(url_id=URL, chat_id=chat), "comment"),
        (ReopenChat(url_id=URL, chat_id=chat), "comment"),
        (MoveAnchor(url_id=URL, chat_id=chat, anchor=anchor()), by_owner),
        (DeleteChat(url_id=URL, chat_id=chat), by_owner),
        (scene.react(), "comment"),
        (
            RemoveReaction(url_id=URL, chat_id=chat, comment_id=comment, emoji="👍"),
            "comment",
        ),
        (DeleteChat(url_id=URL, chat_id=uid(900)), "comment"),
        (DeleteComment(url_id=URL, chat_id=chat, comment_id=uid(900)), "comment"),
    ):
        assert action_for(state, operation, user) == expected


def test_an_own_comment_in_anothers_chat_is_own() -> None:
    scene = Scene()
    operation = DeleteComment(url_id=URL, chat_id=scene.chat, comment_id=scene.his)
    assert action_for(scene.page.state, operation, BORIS.id) == "comment"
    assert action_for(scene.page.state, operation, ANN.id) == "moderate"


def test_each_role_may_what_the_one_before_it_may() -> None:
    roles = [ROLE_ACTIONS[role] for role in ("reader", "commenter", "moderator", "admin")]
    assert all(less < more for less, more in pairwise(roles))


def test_a_fingerprint_tells_contents_apart() -> None:
    same = [create(uid(1), uid(2)), create(uid(1), uid(2))]
    assert fingerprint(same[0]) == fingerprint(same[1])
    scene = Scene()
    others: list[Operation] = [
        same[0],
        create(uid(1), uid(3)),
        create(uid(1), uid(2), "other"),
        msgspec.structs.replace(same[0], url_id="/other"),
        msgspec.structs.replace(same[0], broadcast_id=uid(9)),
        ResolveChat(url_id=URL, chat_id=scene.chat),
        ReopenChat(url_id=URL, chat_id=scene.chat),
        scene.react(),
        scene.react("🎉"),
    ]
    prints = {fingerprint(operation) for operation in others}
    assert len(prints) == len(others)
    assert {len(each) for each in prints} == {16}


def test_ids_are_made_where_none_is_given() -> None:
    bare = CreateChat(url_id=URL, chat=ChatDraft(anchor(), Draft("x")))
    filled = with_ids(bare, 1_700_000_000_000)
    chat_id, comment_id = filled.named
    assert chat_id is not None
    assert comment_id is not None
    assert is_uuid(chat_id)
    assert is_uuid(comment_id)
    assert chat_id != comment_id
    assert with_ids(filled, 5) == filled
    half = CreateChat(url_id=URL, chat=ChatDraft(anchor(), Draft("x"), uid(1)))
    assert with_ids(half, 5).named[0] == uid(1)
    added = with_ids(AddComment(url_id=URL, chat_id=uid(1), comment=Draft("x")), 5)
    assert is_uuid(str(added.named[1]))
    with pytest.raises(ValueError, match="ids are filled in"):
        Scene().do(bare)


def test_what_an_operation_names() -> None:
    scene = Scene()
    chat, comment = scene.chat, scene.hers
    for operation, expected in (
        (create(chat, comment), (chat, comment)),
        (CreateChat(url_id=URL, chat=ChatDraft(anchor(), Draft("x"))), (None, None)),
        (AddComment(url_id=URL, chat_id=chat, comment=Draft("x")), (chat, None)),
        (scene.edit(comment), (chat, comment)),
        (DeleteComment(url_id=URL, chat_id=chat, comment_id=comment), (chat, comment)),
        (scene.react(), (chat, comment)),
        (ResolveChat(url_id=URL, chat_id=chat), (chat, None)),
        (DeleteChat(url_id=URL, chat_id=chat), (chat, None)),
    ):
        assert operation.named == expected
