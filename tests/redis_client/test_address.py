"""URLs as redis-py, hosters and clouds write them: read, or refused with what to write instead."""

from __future__ import annotations

import pytest

from collabchat_asgi.errors import ConfigError
from collabchat_asgi.redis_client.address import Address, Endpoint
from collabchat_asgi.registry import make_pubsub, make_storage


def read(url: str) -> Address:
    return Address.read(url, "pubsub")


@pytest.mark.parametrize(
    ("url", "endpoint", "db"),
    [
        ("redis://h", Endpoint("h", 6379), 0),
        ("redis://h:1/3", Endpoint("h", 1), 3),
        ("redis://h?db=3", Endpoint("h", 6379), 3),
        ("redis://h/?db=3", Endpoint("h", 6379), 3),
        ("redis://h/2?db=3", Endpoint("h", 6379), 2),
        ("redis://[::1]:7/1", Endpoint("::1", 7), 1),
        ("unix:///run/redis/r.sock", Endpoint("/run/redis/r.sock", 0), 0),
        ("unix:///run/redis/r.sock?db=4", Endpoint("/run/redis/r.sock", 0), 4),
        ("unix://me:secret@/run/r.sock?db=4", Endpoint("/run/r.sock", 0), 4),
        ("redis+socket:///run/r%20s.sock", Endpoint("/run/r s.sock", 0), 0),
    ],
)
def test_endpoints_and_databases(url: str, endpoint: Endpoint, db: int) -> None:
    address = read(url)
    assert (address.endpoints, address.db) == ((endpoint,), db)
    assert "secret" not in str(address)
    assert "secret" not in repr(address)
    for made in (make_pubsub(url), make_storage(url)):
        assert "secret" not in repr(made)


@pytest.mark.parametrize(
    ("url", "credentials"),
    [
        ("redis://:pa%40ss@h", {"password": "pa@ss"}),
        ("redis://default:x@h", {"username": "default", "password": "x"}),
        ("redis://h?password=x&username=me", {"username": "me", "password": "x"}),
        ("redis://me@h?password=x", {"username": "me", "password": "x"}),
        ("redis://h", {}),
    ],
)
def test_who_comes(url: str, credentials: dict[str, str]) -> None:
    assert read(url).credentials == credentials


@pytest.mark.parametrize(
    ("options", "checks"),
    [
        ("", (True, True)),
        ("ssl_cert_reqs=none", (False, False)),
        ("ssl_cert_reqs=CERT_NONE", (False, False)),
        ("ssl_cert_reqs=required", (True, True)),
        ("ssl_check_hostname=false", (True, False)),
        ("ssl_check_hostname=true&ssl_cert_reqs=none", (False, False)),
    ],
)
def test_which_certificates_count(options: str, checks: tuple[bool, bool]) -> None:
    assert read(f"rediss://h?{options}").tls_checks == checks


def test_what_is_decided_here_may_stay_in_the_url() -> None:
    options = "protocol=3&decode_responses=True&health_check_interval=30&max_connections=9"
    assert read(f"redis://h/1?{options}") == read("redis://h/1")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://h?socket_timeout=5", "timeout="),
        ("redis://h?ssl=true", "rediss://"),
        ("rediss://h?ssl_ca_path=/etc", "ssl_ca_certs"),
        ("rediss://h?ssl_cert_reqs=maybe", "required (the certificate counts) or none"),
        ("rediss://h?ssl_check_hostname=maybe", "true or false"),
        ("rediss://h?ssl_ca_certs=/nowhere.pem", "no such file"),
        ("redis://h?colour=red", "has no option colour; known: "),
        ("unix://host", "unix:///run/redis/redis.sock"),
        ("unix://", "unix:///run/redis/redis.sock"),
        ("redis://h/db0", "where the number of a database belongs"),
        ("redis+cluster://h?db=2", "only database 0"),
    ],
)
def test_one_line_that_says_what_to_write(url: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(url)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_nats_is_an_example() -> None:
    with pytest.raises(ConfigError, match="examples/own_backend"):
        make_pubsub("nats://broker")
