"""`local://` keeps the contract, under both event loops, and survives its neighbours."""

import asyncio
import errno
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from collabchat_asgi.errors import ConfigError, PubSubError, PubSubUnavailable
from collabchat_asgi.pubsub import local
from collabchat_asgi.pubsub.abc import Gap, Message, PubSub
from collabchat_asgi.pubsub.datagrams import LARGEST, MAGIC, Link, decode, frame
from collabchat_asgi.pubsub.local import LocalPubSub, socket_directory
from collabchat_asgi.testing.pubsub_bench import Listener
from collabchat_asgi.testing.pubsub_contract import PubSubContract

from .peer import running


class TestLocalPubSub(PubSubContract):
    url = "local:///app/chat.db"
    test_a_broken_broker_is_survived = None  # type: ignore[assignment]  # there is no broker

    @pytest.fixture(autouse=True)
    def _bus(self, tmp_path: Path) -> None:
        self.bus = tmp_path / "chat.db"

    async def make(self) -> PubSub:
        return LocalPubSub(self.bus)


PROMISES = [
    name for name in dir(TestLocalPubSub) if name[:5] == "test_" and getattr(TestLocalPubSub, name)
]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # one promise leaves it unclosed on purpose
@pytest.mark.parametrize("promise", PROMISES)
def test_the_contract_under_uvloop(promise: str, tmp_path: Path) -> None:
    contract = TestLocalPubSub()
    contract.bus = tmp_path / "chat.db"
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(getattr(contract, promise)())


@asynccontextmanager
async def listening(path: Path, *topics: str) -> AsyncIterator[Listener]:
    pubsub = LocalPubSub(path)
    await pubsub.open()
    await pubsub.subscribe(topics)
    ear = Listener(pubsub, seconds=10)
    try:
        yield ear
    finally:
        await pubsub.close()
        await ear.ended()


def place_of(path: Path) -> Path:
    return Path(socket_directory(str(path)))


def names_in(directory: Path) -> list[str]:
    return sorted(os.listdir(directory)) if directory.is_dir() else []


def squat(place: Path, squatter: str) -> None:
    if squatter == "a link to ours":
        ours = place.with_name("ours")
        ours.mkdir(mode=0o700)
        place.symlink_to(ours)
    elif squatter == "a file of ours":
        place.write_text("")
    else:
        place.mkdir(mode=0o700)


def sockets(path: Path) -> set[Path]:
    return set(place_of(path).iterdir())


def dead_socket(path: Path, *, old: bool) -> Path:
    """What a killed process leaves."""
    place = place_of(path) / os.urandom(8).hex()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as killed:
        killed.bind(str(place))
    if old:
        os.utime(place, (1, 1))
    return place


async def ask(ear: Listener, text: bytes) -> Message | Gap:
    await ear.pubsub.publish("ask", text)
    return await ear.next()


# Other processes.


async def test_processes_hear_each_other(tmp_path: Path) -> None:
    async with listening(tmp_path / "db", "answer") as ear:
        with running(tmp_path / "db"), running(tmp_path / "db"):
            await ear.pubsub.publish("ask", b"who is there?")
            assert await ear.messages(2) == [Message("answer", b"who is there?")] * 2


async def test_a_killed_process_leaves_nothing_that_hurts(tmp_path: Path) -> None:
    async with listening(tmp_path / "db", "answer") as ear:
        with running(tmp_path / "db") as victim, running(tmp_path / "db"):
            await ear.pubsub.publish("ask", b"1")
            assert len(await ear.messages(2)) == 2
            victim.kill()
            victim.wait()
            assert len(sockets(tmp_path / "db")) == 3
            assert await ask(ear, b"2") == Message("answer", b"2")
            assert len(sockets(tmp_path / "db")) == 2


async def test_a_process_that_hangs_stops_nobody_and_learns_of_its_gap(tmp_path: Path) -> None:
    async with listening(tmp_path / "db", "answer") as ear:
        with running(tmp_path / "db") as hanging:
            assert await ask(ear, b"hello") == Message("answer", b"hello")
            hanging.send_signal(signal.SIGSTOP)
            for number in range(3_000):
                await asyncio.wait_for(ear.pubsub.publish("ask", b"%020d" % number * 50), 1)
            hanging.send_signal(signal.SIGCONT)
            heard: list[bytes] = []
            while not heard or heard[-1] != b"%020d" % 2_999:
                item = await ear.next()
                assert isinstance(item, Message)
                heard.append(item.payload)
            before, after = heard[: heard.index(b"gap")], heard[heard.index(b"gap") + 1 :]
            assert before == [b"%020d" % number for number in range(len(before))]
            assert after == [b"%020d" % number for number in range(3_000 - len(after), 3_000)]
            assert 0 < len(before) + len(after) < 3_000
            assert await ask(ear, b"well again") == Message("answer", b"well again")


async def test_what_fits_is_late_and_not_lost(tmp_path: Path) -> None:
    """Ten datagrams fill a socket's queue; more wait here, and are in order when they come."""
    async with listening(tmp_path / "db", "t") as ear, listening(tmp_path / "db") as other:
        for number in range(1_000):
            await other.pubsub.publish("t", b"%d" % number)
        heard = await ear.messages(1_000)
        assert [message.payload for message in heard] == [b"%d" % n for n in range(1_000)]


async def test_a_peer_that_reads_again_costs_no_more_turns(tmp_path: Path) -> None:
    async with listening(tmp_path / "db", "t") as ear:
        (own,) = sockets(tmp_path / "db")
        link = Link(asyncio.get_running_loop(), str(own), lambda: None)
        for _ in range(100):
            link.send(frame("t", b"more than ten"))
        await ear.messages(100)
        assert not asyncio.get_running_loop().remove_writer(link._socket.fileno())
        link.close()


# Files.


async def test_dead_sockets_are_removed_and_strangers_are_not(tmp_path: Path) -> None:
    async with listening(tmp_path / "db", "t") as ear:
        dead, perhaps_being_bound = (dead_socket(tmp_path / "db", old=old) for old in (True, False))
        note, decoy = dead.with_name("README"), dead.with_name("0" * 16)
        note.write_text("not ours")
        decoy.write_text("named like ours")
        await ear.pubsub.publish("t", b"1")
        assert await ear.messages(1) == [Message("t", b"1")]
        left = sockets(tmp_path / "db")
        assert dead not in left
        assert {perhaps_being_bound, note, decoy} < left
        os.utime(perhaps_being_bound, (1, 1))
        await ear.pubsub.publish("t", b"2")
        assert not perhaps_being_bound.exists()


async def test_the_last_to_close_takes_the_directory_away(tmp_path: Path) -> None:
    async with listening(tmp_path / "db"), listening(tmp_path / "db"):
        assert len(sockets(tmp_path / "db")) == 2
        directory = sockets(tmp_path / "db").pop().parent
    assert not directory.exists()


async def test_a_newcomer_is_seen_where_the_clock_of_the_files_is_coarse(tmp_path: Path) -> None:
    async with listening(tmp_path / "db") as old:
        directory = place_of(tmp_path / "db")
        os.utime(directory)
        await old.pubsub.publish("t", b"to nobody")
        before = os.stat(directory).st_mtime_ns
        async with listening(tmp_path / "db", "t") as ear:
            os.utime(directory, ns=(before, before))
            await old.pubsub.publish("t", b"heard")
            assert await ear.messages(1) == [Message("t", b"heard")]


async def test_processes_come_while_the_last_one_goes(tmp_path: Path) -> None:
    async def come_and_go() -> None:
        for _ in range(100):
            pubsub = LocalPubSub(tmp_path / "db")
            await pubsub.open()
            await pubsub.close()

    def thread() -> None:
        asyncio.run(come_and_go())

    await asyncio.gather(*(asyncio.to_thread(thread) for _ in range(4)))


async def test_a_removed_socket_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "WATCH_SECONDS", 0.01)
    async with listening(tmp_path / "db", "t") as ear, listening(tmp_path / "db") as other:
        for file in sockets(tmp_path / "db"):
            file.unlink()
        place_of(tmp_path / "db").rmdir()
        assert await ear.next() == Gap()
        assert await other.next() == Gap()
        await other.pubsub.publish("t", b"heard")
        assert await ear.messages(1) == [Message("t", b"heard")]


async def test_listen_raises_when_no_socket_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "WATCH_SECONDS", 0.01)
    pubsub = LocalPubSub(tmp_path / "db")
    await pubsub.open()
    for file in sockets(tmp_path / "db"):
        file.unlink()
    place_of(tmp_path / "db").rmdir()
    place_of(tmp_path / "db").write_text("in the way")
    with pytest.raises(PubSubUnavailable, match="removed"):
        await asyncio.wait_for(anext(pubsub.listen()), 10)
    place_of(tmp_path / "db").unlink()
    await pubsub.close()
    await pubsub.open()
    await pubsub.close()


async def test_only_the_owner_may_enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = place_of(tmp_path / "db")
    directory.mkdir(mode=0o777)
    async with listening(tmp_path / "db"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert [stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()] == [0o600]
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
        with pytest.raises(ConfigError, match="belongs to someone else"):
            await LocalPubSub(tmp_path / "db").open()
        monkeypatch.undo()


async def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    path = tmp_path.joinpath(*["x" * 60] * 3, "chat.db")
    assert not place_of(path).is_relative_to(tmp_path)
    async with listening(path, "answer") as ear:
        with running(path):
            assert await ask(ear, b"far down") == Message("answer", b"far down")


@pytest.fixture
def short_path() -> Iterator[Path]:
    """The path of a socket is at most 103 bytes long, and longer ones go elsewhere."""
    with TemporaryDirectory(prefix="cc") as name:
        yield Path(name)


async def test_a_temporary_directory_too_long_for_a_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("x" * 90)))
    async with listening(tmp_path / "db", "t") as ear:
        await ear.pubsub.publish("t", b"heard")
        assert await ear.messages(1) == [Message("t", b"heard")]


async def test_a_directory_and_a_link_to_the_file(tmp_path: Path) -> None:
    assert socket_directory(str(tmp_path)) != socket_directory(str(tmp_path / "real.db"))
    real, link = tmp_path / "real.db", tmp_path / "link.db"
    link.symlink_to(real)
    async with listening(real, "t") as ear, listening(link) as via:
        await via.pubsub.publish("t", b"one bus")
        assert await ear.messages(1) == [Message("t", b"one bus")]


async def test_nothing_comes_or_goes_beside_the_database(tmp_path: Path) -> None:
    """Servers that reload where files change would start for ever."""
    async with listening(tmp_path / "db"), listening(tmp_path / "db"):
        assert names_in(tmp_path) == []


async def test_no_place_for_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with pytest.raises(PubSubUnavailable):
        await LocalPubSub(tmp_path / "db").open()


@pytest.mark.parametrize("squatter", ["a link to ours", "a file of ours", "another's"])
async def test_whoever_was_there_before_us_keeps_us_out(
    short_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, squatter: str
) -> None:
    """The temporary directory is everybody's, and the name can be guessed."""
    monkeypatch.setattr(tempfile, "tempdir", str(short_path))
    place = place_of(tmp_path / "db")
    assert place.is_relative_to(short_path)
    squat(place, squatter)
    if squatter == "another's":
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(ConfigError, match=r"belongs to someone else.*TMPDIR"):
        await LocalPubSub(tmp_path / "db").open()
    assert names_in(place) == []


# Datagrams.


@given(st.lists(st.tuples(st.from_regex(r"[A-Za-z0-9._-]{1,48}", fullmatch=True), st.binary())))
def test_frames_come_back(messages: list[tuple[str, bytes]]) -> None:
    datagram = MAGIC + b"".join(frame(topic, payload) for topic, payload in messages)
    assert decode(memoryview(datagram)) == messages


@given(st.binary(), st.booleans())
def test_nonsense_is_a_value_error_or_a_message(nonsense: bytes, magic: bool) -> None:
    with suppress(ValueError):
        decode(memoryview(MAGIC + nonsense if magic else nonsense))


async def test_forged_datagrams_are_dropped(tmp_path: Path) -> None:
    async with listening(tmp_path / "db", "t") as ear:
        (own,) = sockets(tmp_path / "db")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as forger:
            forger.connect(str(own))
            for forged in (
                b"",
                b"hello",
                MAGIC + b"\x01",
                MAGIC + struct.pack("!BI", 1, 2**32 - 1) + b"t",
                MAGIC + frame("t", b"cut off")[:-1],
                MAGIC + frame("t", b"whole") + b"and more",
                MAGIC + struct.pack("!BI", 2, 0) + b"\xff\xfe",
            ):
                forger.send(forged)
            forger.send(MAGIC + frame("t", bytes(LARGEST)))
        await ear.pubsub.publish("t", b"sound")
        async with listening(tmp_path / "db") as other:
            await other.pubsub.publish("t", b"sound")
            assert await ear.messages(2) == [Message("t", b"sound")] * 2


async def test_a_payload_that_is_too_large(tmp_path: Path) -> None:
    async with listening(tmp_path / "db", "t") as ear:
        with pytest.raises(PubSubError):
            await ear.pubsub.publish("t", bytes(64 * 1024 + 1))


# The machine runs out of something.


async def test_a_peer_that_could_not_be_reached_learns_of_its_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> Link:
        raise OSError(errno.EMFILE, "too many open files")

    async with listening(tmp_path / "db", "t") as publisher:
        monkeypatch.setattr(local, "Link", exhausted)
        async with listening(tmp_path / "db", "t") as ear:
            with pytest.raises(PubSubUnavailable):
                await publisher.pubsub.publish("t", b"lost")
            assert await publisher.messages(1) == [Message("t", b"lost")]
            monkeypatch.undo()
            await publisher.pubsub.publish("t", b"heard")
            assert [await ear.next(), await ear.next()] == [Gap(), Message("t", b"heard")]


class Narrow(socket.socket):
    """As of a system that gives no socket the room that it asks for."""

    def setsockopt(self, level: int, option: int, value: Any) -> None:  # type: ignore[override]
        narrow = (level, option) == (socket.SOL_SOCKET, socket.SO_SNDBUF)
        super().setsockopt(level, option, 4_000 if narrow else value)


async def test_who_cannot_be_sent_so_much_learns_of_its_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is not taken for dead: it hears what follows, and keeps its socket."""
    async with listening(tmp_path / "db", "t") as ear:
        (own,) = names_in(place_of(tmp_path / "db"))
        monkeypatch.setattr(socket, "socket", Narrow)
        async with listening(tmp_path / "db") as other:
            await other.pubsub.publish("t", bytes(64 * 1024))
            await other.pubsub.publish("t", b"heard")
            assert [await ear.next(), await ear.next()] == [Gap(), Message("t", b"heard")]
            assert own in names_in(place_of(tmp_path / "db"))


async def test_what_waits_goes_in_datagrams_as_small_as_the_system_wants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(tmp_path / "db", "t") as ear:
        monkeypatch.setattr(socket, "socket", Narrow)
        async with listening(tmp_path / "db") as other:
            for number in range(1_000):
                await other.pubsub.publish("t", b"%d" % number)
            heard = await ear.messages(1_000)
            assert [message.payload for message in heard] == [b"%d" % n for n in range(1_000)]


@pytest.mark.parametrize("refused", [errno.ENOBUFS, errno.ENOMEM])
async def test_a_full_buffer_of_the_system_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    refusals = iter([True, True])

    class Refusing(socket.socket):
        def send(self, *args: Any) -> int:
            if next(refusals, False):
                raise OSError(refused, "no buffer space")
            return super().send(*args)

    async with listening(tmp_path / "db", "t") as ear:
        monkeypatch.setattr(socket, "socket", Refusing)
        async with listening(tmp_path / "db") as other:
            await other.pubsub.publish("t", b"1")
            await other.pubsub.publish("t", b"2")
            assert await ear.messages(2) == [Message("t", b"1"), Message("t", b"2")]


def test_a_loop_that_ended_without_close(tmp_path: Path) -> None:
    pubsub = LocalPubSub(tmp_path / "db")

    async def use(*, close: bool) -> None:
        await pubsub.open()
        await pubsub.subscribe(["t"])
        await pubsub.publish("t", b"alive")
        assert await asyncio.wait_for(anext(pubsub.listen()), 10) == Message("t", b"alive")
        if close:
            await pubsub.close()

    asyncio.run(use(close=False))
    asyncio.run(use(close=True))
    assert list(tmp_path.iterdir()) == []


FORKED = """
import asyncio, os, sys
from collabchat_asgi.pubsub.local import LocalPubSub, socket_directory

pubsub = LocalPubSub(sys.argv[1])
asyncio.run(pubsub.open())
(of_parent,) = os.listdir(socket_directory(sys.argv[1]))

async def child():
    await pubsub.open()
    assert len(os.listdir(socket_directory(sys.argv[1]))) == 2
    await pubsub.close()

if (pid := os.fork()) == 0:
    asyncio.run(child())
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert os.listdir(socket_directory(sys.argv[1])) == [of_parent]
"""


def test_a_fork_leaves_the_parents_socket_alone(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", FORKED, str(tmp_path / "db")]
    subprocess.run(command, env=environment, check=True, timeout=30)


async def test_it_is_alone_while_no_other_worker_has_a_socket(tmp_path: Path) -> None:
    first, second = LocalPubSub(tmp_path / "db"), LocalPubSub(tmp_path / "db")
    assert not first.alone, "who is not open knows nothing"
    await first.open()
    assert first.alone
    await second.open()
    assert not first.alone
    assert not second.alone
    await second.close()
    assert first.alone
    await first.close()


# URLs.


def test_urls() -> None:
    assert repr(LocalPubSub.from_url("local:///a/my%20chat.db")) == "LocalPubSub('/a/my chat.db')"
    for url in ("local://", "local://chat.db", "local:///a?b=c", "local:///a#b"):
        with pytest.raises(ConfigError):
            LocalPubSub.from_url(url)
