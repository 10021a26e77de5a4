"""The host of the black-box suite, which also tells what its process holds."""

import asyncio

import psutil
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.blackbox.app import app, collab


async def held(request: Request) -> Response:
    engine = collab._engine
    told = {
        "connections": len(engine.services.door.connections),
        "tasks": len(asyncio.all_tasks()),
        "files": psutil.Process().num_fds(),
        "viewers": sum(len(page.viewers) for page in engine.services.pages.all()),
        "people": sum(page.presence.counts()[0] for page in engine.services.pages.all()),
        "users": len(engine.services.users._users),
    }
    return JSONResponse(told)


app.add_route("/held", held)
