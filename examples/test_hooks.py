# COLLABCHAT_STORAGE=memory:// python -m pytest examples/test_hooks.py
"""Hooks are tried without a server, a browser or a wait."""

from hooks import app

from collabchat_asgi.testing import TestClient
from collabchat_asgi.testing.operations import create_chat


async def test_bob_cannot_read_drafts() -> None:
    async with TestClient(app, token="t0ken") as bob:
        answer = await bob.http.get("v1/chats", urlId="/drafts/1")
        assert answer.status == 403


async def test_what_ann_writes_reaches_bob() -> None:
    async with TestClient(app) as client:
        ann = await client.connect(token="s3cret")
        bob = await client.connect(cookies={"sid": "t0ken"})
        await bob.subscribe("/articles/1")
        ack = await ann.do(create_chat("hello"), "/articles/1")
        await bob.expect_event("new-text-chat", broadcastId=ack["broadcastId"])
        assert (await bob.refused(create_chat()))["code"] == "forbidden"
