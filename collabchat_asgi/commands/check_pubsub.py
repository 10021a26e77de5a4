"""What `doctor` asks of a pub/sub."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from statistics import median

from ..errors import ConfigError, PubSubError, PubSubUnavailable
from ..pubsub.abc import Message, PubSub
from ..registry import make_pubsub, masked
from ..settings import looks_alone
from .check_drivers import driver_of
from .finding import Checkup, Finding

_SECONDS = 5.0
_ROUNDS = 9
_SLOW_MS = 50.0

say = Checkup("pub/sub")


async def check_pubsub(url: str) -> AsyncIterator[Finding]:
    try:
        ear, mouth = make_pubsub(url), make_pubsub(url)
    except ConfigError as error:
        yield say.problem(str(error))
        return
    largest = f", at most {ear.max_payload:,} bytes a message" if ear.max_payload else ""
    yield say.ok(f"{masked(url)}, {driver_of(url)}{largest}")
    if not ear.shared:
        mouth = ear
        yield say.warning(
            "reaches this one process only: with several workers set COLLABCHAT_PUBSUB, or a "
            "storage that brings its own"
        )
    elif url.lower().startswith("local:") and (alone := looks_alone()):
        yield say.warning(
            f"{alone}, and local:// reaches the processes of one machine only: with several "
            "replicas set COLLABCHAT_PUBSUB=redis://…"
        )
    try:
        async with asyncio.timeout(_SECONDS):
            await ear.open()
            await mouth.open()
            yield await _probe(ear, mouth)
    except PubSubError as error:
        yield say.problem(f"{error}")
    except TimeoutError:
        yield say.problem(
            f"a message to itself was not heard within {_SECONDS:g} s: may this user publish and "
            "subscribe there?"
        )
    finally:
        await ear.close()
        await mouth.close()


async def _probe(ear: PubSub, mouth: PubSub) -> Finding:
    """From one instance to another, as two processes have them."""
    topic = f"doctor.{secrets.token_hex(8)}"
    await ear.subscribe([topic])
    listen = ear.listen()
    times = []
    for number in range(_ROUNDS):
        sent = Message(topic, b"%d" % number)
        began = time.perf_counter()
        await mouth.publish(topic, sent.payload)
        while (heard := await anext(listen, None)) != sent:
            if heard is None:
                raise PubSubUnavailable("it went away while it was listened to")
        times.append((time.perf_counter() - began) * 1000)
    await ear.unsubscribe([topic])
    found = f"hears itself within {median(times):.1f} ms (median of {_ROUNDS})"
    return say.ok(found) if median(times) < _SLOW_MS else say.warning(f"{found}: is it far away?")
