"""examples/hooks.py with a page at every address, which holds what the header `x-page` says."""

from urllib.parse import unquote

from fastapi import Request
from fastapi.responses import HTMLResponse

from examples.hooks import app

__all__ = ["app"]


@app.get("/{path:path}")
async def page(request: Request) -> HTMLResponse:
    return HTMLResponse(unquote(request.headers.get("x-page", "")))
