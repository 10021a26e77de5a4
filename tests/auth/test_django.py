"""Django's own session and user, in a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from collabchat_asgi import Denied, Identity
from collabchat_asgi.auth import django_user
from tests.hosts import django_app

from .conftest import AskedWith

assert django_app, "it has set Django up"


def people() -> dict[str, str]:
    """Makes them and signs them in; the session cookie of each."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.test import Client

    call_command("migrate", verbosity=0)
    User.objects.create_user("ann", first_name="Ann", last_name="Lee")
    User.objects.create_user("staff", is_staff=True)
    User.objects.create_superuser("root")
    User.objects.create_user("gone")
    cookies: dict[str, str] = {}
    for user in User.objects.all():
        client = Client()
        client.force_login(user)
        cookies[user.username] = client.cookies["sessionid"].value
    User.objects.filter(username="gone").update(is_active=False)
    return cookies


@pytest.fixture
async def cookies(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    from django.db import connections

    def use_database() -> None:
        connections.close_all()
        connections["default"].settings_dict["NAME"] = str(tmp_path / "django.db")

    await sync_to_async(use_database)()
    yield await sync_to_async(people)()
    await sync_to_async(connections.close_all)()


@pytest.mark.parametrize(
    ("who", "role", "name"),
    [("ann", "commenter", "Ann Lee"), ("staff", "moderator", "staff"), ("root", "admin", "root")],
)
async def test_roles(
    cookies: dict[str, str], asked_with: AskedWith, who: str, role: str, name: str
) -> None:
    identity = await django_user("acme")(asked_with(cookies={"sessionid": cookies[who]}))
    assert (identity.tenants, identity.name) == ({"acme": role}, name)


async def test_others_are_denied(cookies: dict[str, str], asked_with: AskedWith) -> None:
    hook = django_user()
    for brought in (
        {},
        {"sessionid": "nonsense"},
        {"sessionid": ""},
        {"sessionid": cookies["gone"]},
    ):
        with pytest.raises(Denied):
            await hook(asked_with(cookies=brought))


async def test_a_changed_password_ends_the_session(
    cookies: dict[str, str], asked_with: AskedWith
) -> None:
    def change() -> None:
        from django.contrib.auth.models import User

        ann = User.objects.get(username="ann")
        ann.set_password("another")
        ann.save()

    await sync_to_async(change)()
    with pytest.raises(Denied):
        await django_user()(asked_with(cookies={"sessionid": cookies["ann"]}))


async def test_a_host_may_say_who_somebody_is(
    cookies: dict[str, str], asked_with: AskedWith
) -> None:
    def identify(user: Any) -> Identity | None:
        return Identity(user.username, tenants={"a": "reader"}) if user.is_staff else None

    hook = django_user(identify=identify)
    assert (await hook(asked_with(cookies={"sessionid": cookies["staff"]}))).user_id == "staff"
    with pytest.raises(Denied):
        await hook(asked_with(cookies={"sessionid": cookies["ann"]}))


async def test_connections_are_given_back_as_after_a_request(
    cookies: dict[str, str], asked_with: AskedWith
) -> None:
    """Otherwise one that the database has ended fails every hook from then on."""
    from django.db import connection

    await django_user()(asked_with(cookies={"sessionid": cookies["ann"]}))
    assert await sync_to_async(lambda: connection.connection)() is None


async def test_a_new_secret_key_signs_nobody_out(
    cookies: dict[str, str], asked_with: AskedWith
) -> None:
    """Who comes with a session of before is known, and stays signed in at the host."""
    from django.conf import settings
    from django.test import override_settings

    request = asked_with(cookies={"sessionid": cookies["ann"]})
    with override_settings(SECRET_KEY="x" * 60, SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]):
        for _ in range(2):
            assert (await django_user()(request)).name == "Ann Lee"
    with override_settings(SECRET_KEY="x" * 60), pytest.raises(Denied):
        await django_user()(request)
    assert (await django_user()(request)).name == "Ann Lee"
