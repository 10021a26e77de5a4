"""Another process on a local bus. Hears `ask` and answers each message on `answer`; says there
`gap` for a Gap. Started with the path of the bus; writes `ready` when it hears."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collabchat_asgi.pubsub.abc import Gap
from collabchat_asgi.pubsub.local import LocalPubSub

ROOT = Path(__file__).parents[2]


async def main(path: str) -> None:
    pubsub = LocalPubSub(path)
    await pubsub.open()
    await pubsub.subscribe(["ask"])
    print("ready", flush=True)
    async for item in pubsub.listen():
        said = b"gap" if isinstance(item, Gap) else item.payload[:20]
        await pubsub.publish("answer", said)


@contextmanager
def running(path: Path) -> Iterator[subprocess.Popen[str]]:
    """The process, subscribed; killed at the end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, __file__, str(path)], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
