"""The configurations of examples/deploy in the real programs: what the app sees through them."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from collabchat_asgi.testing import ServerProcess
from tests.blackbox.conftest import FRIEND
from tests.certificates import Certificates, make_certificates
from tests.servers.matrix import SUITE, run

from .proxies import PROXIES, NginxBelow, Proxy

ROOT = Path(__file__).parents[2]
VISITOR = "127.0.0.2"
"""Where the browser is; proxies and apps are at 127.0.0.1."""
CLAIMS = {"X-Forwarded-For": "10.9.9.9", "X-Forwarded-Proto": "http"}
SERVERS = {
    # Who the visitor is, `trusted_proxies` tell on each; of the scheme in the scope uvicorn itself
    # believes a proxy on its own machine.
    "uvicorn": f"wss from {VISITOR}",
    "hypercorn": f"ws from {VISITOR}",
    "daphne": f"- from {VISITOR}",
    "granian": f"ws from {VISITOR}",
    "gunicorn": f"wss from {VISITOR}",
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def serve(
    server: str, app: str = "tests.deploy.app:app", arguments: Sequence[str] = ()
) -> ServerProcess:
    env = {
        "COLLABCHAT_STORAGE": "memory://",
        "COLLABCHAT_REQUIRE_TLS": "true",
        "COLLABCHAT_TRUSTED_PROXIES": "127.0.0.1",
        "COLLABCHAT_ALLOWED_ORIGINS": FRIEND,
    }
    return ServerProcess(app, server=server, env=env, arguments=arguments, directory=ROOT)


@pytest.fixture(
    scope="module",
    params=[
        name if name in ("uvicorn", "hypercorn") else pytest.param(name, marks=pytest.mark.long)
        for name in SERVERS
    ],
)
def server(request: pytest.FixtureRequest) -> Iterator[tuple[ServerProcess, str]]:
    with serve(request.param) as process:
        yield process, SERVERS[request.param]


@pytest.fixture(scope="module", params=PROXIES)
def proxy(
    request: pytest.FixtureRequest, server: tuple[ServerProcess, str], certificates: Certificates
) -> Iterator[Proxy]:
    upstream = f"127.0.0.1:{server[0].port}"
    with PROXIES[request.param](upstream, certificates.server) as running:
        yield running


def dial(proxy: Proxy, certificates: Certificates, **options: Any) -> connect:
    trusting = ssl.create_default_context(cafile=str(certificates.authority))
    url = proxy.url.replace("https", "wss") + "/ws"
    defaults = {"local_addr": (VISITOR, 0), "proxy": None, "ssl": trusting, "open_timeout": 5}
    return connect(url, **{**defaults, **options})


async def who_am_i(socket: ClientConnection) -> str:
    await socket.send(json.dumps({"type": "hello"}))
    async with asyncio.timeout(5):
        return str(json.loads(await socket.recv())["user"]["name"])


async def test_the_app_sees_tls_the_origin_and_the_visitor(
    server: tuple[ServerProcess, str], proxy: Proxy, certificates: Certificates
) -> None:
    """`require_tls` is on, so a welcome says that TLS was seen."""
    same: Any = proxy.url.removesuffix("/collabchat")
    async with dial(proxy, certificates, origin=same, additional_headers=CLAIMS) as socket:
        assert await who_am_i(socket) == server[1]


async def test_a_foreign_origin_is_refused(proxy: Proxy, certificates: Certificates) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with dial(proxy, certificates, origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403


async def test_who_goes_around_the_proxy_is_refused(server: tuple[ServerProcess, str]) -> None:
    url = server[0].url.replace("http", "ws") + "/ws"
    with pytest.raises(InvalidStatus) as refused:
        async with connect(url, proxy=None, local_addr=(VISITOR, 0), additional_headers=CLAIMS):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("server", "arguments"),
    [
        ("uvicorn", []),
        ("uvicorn", ["--root-path", "/app"]),
        pytest.param("hypercorn", [], marks=pytest.mark.long),
        pytest.param("hypercorn", ["--root-path", "/app"], marks=pytest.mark.long),
        pytest.param("daphne", ["--root-path", "/app"], marks=pytest.mark.long),
        pytest.param("granian", [], marks=pytest.mark.long),
        pytest.param("granian", ["--url-path-prefix", "/app"], marks=pytest.mark.long),
    ],
)
async def test_below_a_path_that_the_proxy_takes_off(
    server: str, arguments: list[str], certificates: Certificates
) -> None:
    """Whether the server was told of it (it puts the path before what it hears, or not) or not."""
    with (
        serve(server, arguments=arguments) as process,
        NginxBelow(f"127.0.0.1:{process.port}", certificates.server) as proxy,
    ):
        async with dial(proxy, certificates) as socket:
            assert await who_am_i(socket) == SERVERS[server]
        trusting = ssl.create_default_context(cafile=str(certificates.authority))
        async with httpx.AsyncClient(verify=trusting) as client:
            for file in ("widget.js", "client.js", "health", "v1/chats"):
                answer = await client.get(f"{proxy.url}/{file}", params={"urlId": "/app/page"})
                assert answer.status_code == 200, (file, answer.text)


@pytest.mark.long
@pytest.mark.parametrize("kind", PROXIES)
def test_the_suite_through_a_proxy(kind: str, certificates: Certificates) -> None:
    with serve("uvicorn", "tests.blackbox.app:app") as process:
        upstream = f"127.0.0.1:{process.port}"
        with PROXIES[kind](upstream, certificates.server) as proxy:
            outcome = run(
                "uvicorn",
                "fastapi",
                f"{SUITE}/test_handshake.py",
                f"{SUITE}/test_frames.py",
                BLACKBOX_URL=proxy.url,
                SSL_CERT_FILE=str(certificates.authority),
            )
    print(outcome.called(f"{kind}, uvicorn"))
    assert outcome.of, outcome.output
    assert outcome.passed == outcome.of, outcome.output
