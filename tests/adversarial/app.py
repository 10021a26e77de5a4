"""The host of the black-box suite, which also tells what its process holds."""

import asyncio

import psutil

from tests.blackbox.app import app, collab


@app.get("/held")
async def held() -> dict[str, int]:
    engine = collab._engine
    return {
        "connections": len(engine.connections),
        "tasks": len(asyncio.all_tasks()),
        "files": psutil.Process().num_fds(),
        "viewers": sum(len(page.viewers) for page in engine.pages.all()),
        "people": sum(page.presence.counts()[0] for page in engine.pages.all()),
        "users": len(engine.users._users),
    }
