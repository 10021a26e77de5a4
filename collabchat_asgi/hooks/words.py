"""What hooks are given and give: who somebody is, what they are about to do, what it costs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from ..core.model import FORGOTTEN, Chat, Comment, User
from ..core.page_id import known_origin, page_origin, page_path
from ..core.rules import ROLE_ACTIONS, Action, Role
from ..core.text import is_tenant_id, is_text, presentable, shortened
from ..core.usage import COUNTERS
from ..objects import Event, Operation

MAX_USER_ID = 256
MAX_NAME = 200
MAX_AVATAR = 1_000
"""Code points. Both go out with every comment and every event of a person."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is, and in which role in which tenant.

    `user_id` is what the host calls the person, at most 256 characters; whole numbers and UUIDs,
    as databases have them, are taken as the text that `str()` makes of them; so are tenant ids.
    `tenants` maps tenant ids to roles. `expires_at` (with a time zone) ends the connection unless
    it is refreshed before.

    What cannot be shown in `name` and `avatar` (control characters, halves of surrogate pairs) is
    left out or replaced: whoever signs identities may have cut a name in the middle of an emoji.
    A name of more than 200 code points is cut and ends in "…"; an avatar of more than 1,000 (a
    picture as `data:`, say) is left out: give an address instead.

    Raises `ValueError` for anything else; in a hook that is a hook that failed.
    """

    user_id: str
    tenants: Mapping[str, Role] = field(kw_only=True)
    name: str = field(default="", kw_only=True)
    avatar: str | None = field(default=None, kw_only=True)
    expires_at: datetime | None = field(default=None, kw_only=True)

    if TYPE_CHECKING:

        def __init__(
            self,
            user_id: str | int | UUID,
            *,
            tenants: Mapping[Any, Role],
            name: str = "",
            avatar: str | None = None,
            expires_at: datetime | None = None,
        ) -> None:
            """What is taken for an id is more than what it becomes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "user_id", as_user_id(self.user_id))
        if not isinstance(self.name, str):
            kind = type(self.name).__name__
            raise ValueError(f'Identity.name must be text, not {kind}; "" where there is none')
        if not isinstance(self.avatar, str | None):
            raise ValueError(
                f"Identity.avatar must be text or None, not {type(self.avatar).__name__}"
            )
        object.__setattr__(self, "name", shortened(presentable(_exact(self.name)), MAX_NAME))
        if self.avatar is not None:
            avatar = presentable(_exact(self.avatar))
            object.__setattr__(self, "avatar", avatar if len(avatar) <= MAX_AVATAR else None)
        object.__setattr__(self, "tenants", _roles(self.tenants))
        if self.expires_at is not None:
            if not isinstance(self.expires_at, datetime):
                kind = type(self.expires_at).__name__
                raise ValueError(
                    f"Identity.expires_at must be a datetime with a time zone, not {kind}: "
                    "datetime.fromtimestamp(seconds, UTC)"
                )
            if self.expires_at.tzinfo is None:
                raise ValueError("Identity.expires_at needs a time zone: datetime.now(UTC) + …")

    @property
    def user(self) -> User:
        """The person as everyone on a page sees them."""
        if self.avatar is None:
            return User(self.user_id, self.name)
        return User(self.user_id, self.name, self.avatar)

    def seconds_left(self, now_ms: int) -> float | None:
        """Until `expires_at`; None where there is none."""
        if self.expires_at is None:
            return None
        return self.expires_at.timestamp() - now_ms / 1000


def _exact(text: str) -> str:
    """Without what a class of the host's (Django's `SafeString`, an enum) has made of it: encoders
    and drivers take no other."""
    return str.__str__(text)


def _as_text(value: object) -> object:
    """Whole numbers and UUIDs, as databases have them, as the text that stands for them."""
    if isinstance(value, int | UUID) and not isinstance(value, bool):
        return str(value)
    return _exact(value) if isinstance(value, str) else value


def _roles(given: object) -> Mapping[str, Role]:
    """Roles by tenant id. Raises `ValueError`."""
    if not isinstance(given, Mapping):
        kind = type(given).__name__
        raise ValueError(f"Identity.tenants must map tenant ids to roles, not {kind}")
    roles: dict[str, Role] = {}
    for key, role in given.items():
        tenant_id = _as_text(key)
        if not isinstance(tenant_id, str) or not is_tenant_id(tenant_id):
            raise ValueError(f"Identity.tenants: {key!r} is no tenant id")
        if not isinstance(role, str) or role not in ROLE_ACTIONS:
            known = ", ".join(ROLE_ACTIONS)
            raise ValueError(f"Identity.tenants: {role!r} is no role; the roles are {known}")
        roles[tenant_id] = cast("Role", _exact(role))
    plain = all(type(word) is str for pair in given.items() for word in pair)
    return given if plain else roles


def as_user_id(value: object) -> str:
    """The text that stands for a person. Raises `ValueError`."""
    value = _as_text(value)
    if not isinstance(value, str):
        kind = type(value).__name__
        raise ValueError(f"Identity.user_id must be text, a whole number or a UUID, not {kind}")
    if not 0 < len(value) <= MAX_USER_ID:
        raise ValueError(f"Identity.user_id must be 1 to {MAX_USER_ID} characters")
    if value == FORGOTTEN.id:
        raise ValueError(f"Identity.user_id: {value!r} stands for people who were forgotten")
    if "\0" in value or not is_text(value):
        raise ValueError("Identity.user_id must be text, without NUL and lone surrogates")
    return value


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """Everything that a browser brought along. Header names are lower case.

    `tenant_id` is what the client asked for, None where it left that open. `visitor_id` is a secret
    of the browser (PROTOCOL section 3.1): make public ids of it with `anonymous_id` only. `client`
    is (address, port): the browser's address where `trusted_proxies` are set, then with port 0.
    `scope` is the ASGI scope. `again` says that somebody is asked about anew who has been connected
    with this very request all the time: a one-time ticket has been used by then.

    Every field has a default, so that a hook is tried in one line:
    `await authenticate(ConnectRequest(token="t0ken"))`.
    """

    tenant_id: str | None = None
    token: str | None = None
    visitor_id: str | None = None
    cookies: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    client: tuple[str, int] | None = None
    scope: Mapping[str, Any] = field(default_factory=dict)
    again: bool = False


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What somebody is about to do.

    `operation` is the wire's operation, a dict with the camelCase names of PROTOCOL section 4 that
    is the hook's own to change; None where no operation is asked about (`read`, `view-usage`, and
    what a client may do on a page as it joins). `chat` and `comment` are what the operation names,
    as far as they exist: structs with snake_case attributes.
    """

    identity: Identity
    action: Action
    tenant_id: str
    url_id: str
    operation: Operation | None = None
    chat: Chat | None = None
    comment: Comment | None = None

    @property
    def path(self) -> str | None:
        """The path, decoded and in normal form, of a page of this site: one whose id is a path.

        None for every other id: a name, a whole address (see `path_on`), and what is not in normal
        form (see `page_path`).
        """
        return page_path(self.url_id) if self.url_id.startswith("/") else None

    def path_on(self, *origins: str) -> str | None:
        """The path of a page whose id is a whole address on one of these origins, else None:
        `access.path_on("https://docs.example")`. Pages of a site come so where collabchat is served
        from another origin than theirs. Raises `ValueError` for what is no origin
        (`docs.example`, `https://docs.example/base`, `https://*.example`).
        """
        known = {known_origin(origin) for origin in origins}
        return page_path(self.url_id) if self.origin in known else None

    @property
    def origin(self) -> str | None:
        """`https://host` in lower case where the page's id is a whole address, else None."""
        return page_origin(self.url_id)


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What to add to a tenant's bill. `report_id` is the same however often it is reported."""

    report_id: str
    tenant_id: str
    url_id: str | None
    day: str
    """UTC, `YYYY-MM-DD`."""
    counters: Mapping[str, int]
    """By the names of PROTOCOL section 7: counts, bytes and seconds to add. All names are there,
    with 0 where nothing was counted."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "counters", {**dict.fromkeys(COUNTERS, 0), **self.counters})


Authenticate = Callable[[ConnectRequest], Identity | Awaitable[Identity]]
Authorize = Callable[[AccessRequest], bool | Awaitable[bool]]
BeforeCommit = Callable[[AccessRequest], Mapping[str, object] | Awaitable[Mapping[str, object]]]
OnEvent = (
    Callable[[Event], Awaitable[None] | None] | Callable[[dict[str, Any]], Awaitable[None] | None]
)
OnUsage = Callable[[Sequence[UsageReport]], Awaitable[None] | None]


def default_policy(access: AccessRequest) -> bool:
    """Whether the role of `access.identity` in the tenant allows the action."""
    return role_allows(access.identity, access.tenant_id, access.action)


def role_allows(identity: Identity, tenant_id: str, action: Action) -> bool:
    role = identity.tenants.get(tenant_id)
    return role is not None and action in ROLE_ACTIONS[role]
