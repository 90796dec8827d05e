"""The port sorts and sends on real sockets, with fakes behind it; hostile bytes break nothing."""

import asyncio
import errno
import random
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mediaserver.base.errors import StartError
from mediaserver.media.port import BATCH, Port
from tests.media.peers import HOST, until


class Owner:
    """Remembers what reached it."""

    def __init__(self) -> None:
        self.media = 0
        self.dtls: list[bytes] = []

    def receive_media(self, offset: int, size: int) -> None:
        self.media += 1

    def receive_dtls(self, data: bytes) -> None:
        self.dtls.append(data)


class Setting:
    """A port, one bound client, and a count of how often the port was drained."""

    def __init__(self) -> None:
        self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.bind((HOST, 0))
        self.client.setblocking(False)
        self.owner = Owner()
        self.stun: list[bytes] = []
        self.drained = 0
        owners: dict[Any, Any] = {self.client.getsockname(): self.owner}
        self.port = Port(HOST, 0, owners, self._stun, self._drain)
        self.port.start()

    def _stun(self, data: bytes, address: Any) -> bytes:
        self.stun.append(data)
        return b"answer"

    def _drain(self) -> None:
        self.drained += 1

    def send(self, data: bytes) -> None:
        self.client.sendto(data, (HOST, self.port.port))

    async def receive(self) -> bytes:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.client, 2048), 5)


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    setting = Setting()
    yield setting
    setting.port.close()
    setting.client.close()


async def test_datagrams_are_sorted_by_their_first_byte(setting: Setting) -> None:
    for data in (b"\x00\x01" + bytes(18), b"\x16" + bytes(20), b"\x80\x60" + bytes(20), b"\x7f" + bytes(20)):
        setting.send(data)
    assert await setting.receive() == b"answer"
    await until(lambda: setting.port.dropped["unknown"])
    assert (len(setting.stun), setting.owner.dtls, setting.owner.media) == (1, [b"\x16" + bytes(20)], 1)


async def test_empty_and_oversized_datagrams_go_nowhere(setting: Setting) -> None:
    for size in (0, 1501, 2048, 9000):
        setting.send(b"\x16" * size)
    await until(lambda: setting.port.dropped["size"] == 4)
    assert not setting.owner.dtls


async def test_a_flood_is_read_in_bounded_turns(setting: Setting) -> None:
    for _ in range(3 * BATCH):
        setting.send(b"\x80\x60" + bytes(20))
    await until(lambda: setting.owner.media == 3 * BATCH)
    assert setting.drained >= 3


async def test_random_bytes_from_anyone_break_nothing(setting: Setting) -> None:
    chance = random.Random(3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for _ in range(500):
            data = chance.randbytes(chance.randrange(0, 80))
            stranger.sendto(data, (HOST, setting.port.port))
            setting.send(data)
            await asyncio.sleep(0)
        setting.send(b"\x16last")
        await until(lambda: b"\x16last" in setting.owner.dtls)


@pytest.mark.parametrize("gso", [True, False])
async def test_a_run_arrives_as_its_datagrams(setting: Setting, gso: bool) -> None:
    setting.port.gso = setting.port.gso and gso
    setting.port.send_run(memoryview(b"aaaabbbbcc"), 4, setting.client.getsockname())
    assert [await setting.receive() for _ in range(3)] == [b"aaaa", b"bbbb", b"cc"]


@pytest.mark.parametrize(("number", "stays"), [(errno.EIO, False), (errno.EINVAL, True), (errno.EMSGSIZE, True)])
async def test_what_gso_refuses_is_sent_singly(setting: Setting, number: int, stays: bool) -> None:
    class Refusing:
        """A socket whose kernel or card knows no segmentation."""

        def __init__(self, sock: socket.socket) -> None:
            self._sock = sock

        def __getattr__(self, name: str) -> Any:
            return getattr(self._sock, name)

        def sendmsg(self, *_: Any) -> int:
            raise OSError(number, "refused")

    setting.port.gso = True
    setting.port._sock = Refusing(setting.port._sock)  # type: ignore[assignment]
    setting.port.send_run(memoryview(b"aaaabbbb"), 4, setting.client.getsockname())
    assert [await setting.receive() for _ in range(2)] == [b"aaaa", b"bbbb"]
    assert setting.port.gso is stays


def test_a_taken_port_stops_the_start_with_a_sentence() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, 0))
        with pytest.raises(StartError, match="cannot be opened for media"):
            Port(HOST, taken.getsockname()[1], {}, lambda data, address: None, lambda: None)
