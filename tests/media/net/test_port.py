"""The port sorts and sends on real sockets, with fakes behind it; hostile bytes break nothing."""

import asyncio
import errno
import random
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mediaserver.base.errors import StartError
from mediaserver.media.net.port import BATCH, Port
from mediaserver.media.net.route import Route
from mediaserver.media.net.send_socket import SendSocket
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

    def __init__(self, ip: str = HOST) -> None:
        self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.bind((HOST, 0))
        self.client.setblocking(False)
        self.owner = Owner()
        self.stun: list[bytes] = []
        self.drained = 0
        self.route = Route(HOST, self.client.getsockname())
        self.port = Port(ip, 0, {self.route: self.owner}, self._stun, self._drain)
        self.port.start()

    def _stun(self, data: bytes, route: Route) -> list[bytes]:
        self.stun.append(data)
        return [b"answer"]

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


def shared(setting: Setting) -> SendSocket:
    """A send_socket for which there was no socket."""
    return SendSocket(setting.port._sock, setting.route, setting.port.dropped, setting.port._gso, connected=False)


@pytest.mark.parametrize("gso", [True, False])
@pytest.mark.parametrize("connected", [True, False])
async def test_a_run_arrives_as_its_datagrams(setting: Setting, gso: bool, connected: bool) -> None:
    setting.port.gso = setting.port.gso and gso
    send_socket = setting.port.open_send_socket(setting.route) if connected else shared(setting)
    send_socket.send_run(memoryview(b"aaaabbbbcc"), 4)
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
    send_socket = setting.port.open_send_socket(setting.route)
    send_socket._sock = Refusing(send_socket._sock)  # type: ignore[assignment]
    send_socket.send_run(memoryview(b"aaaabbbb"), 4)
    assert [await setting.receive() for _ in range(2)] == [b"aaaa", b"bbbb"]
    assert setting.port.gso is stays


async def test_what_comes_to_a_leg_is_sorted_as_elsewhere(setting: Setting) -> None:
    send_socket = setting.port.open_send_socket(setting.route)
    for data in (b"\x00\x01" + bytes(18), b"\x16" + bytes(20), b"\x80\x60" + bytes(20)):
        setting.send(data)
    assert await setting.receive() == b"answer"
    await until(lambda: setting.owner.media)
    assert (len(setting.stun), setting.owner.dtls) == (1, [b"\x16" + bytes(20)])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"\x16" + bytes(20), (HOST, setting.port.port))
        await until(lambda: setting.port.dropped["stranger"])
    setting.port.close_send_socket(send_socket)
    setting.send(b"\x16last")
    await until(lambda: b"\x16last" in setting.owner.dtls)


async def test_a_leg_to_a_client_that_is_gone_counts_and_goes_on(setting: Setting) -> None:
    send_socket = setting.port.open_send_socket(setting.route)
    setting.client.close()

    def refused() -> bool:
        send_socket.send(b"anybody?")
        return setting.port.dropped["send_error"] + setting.port.dropped["socket_error"] > 3

    await until(refused)


async def test_nobody_else_can_join_the_port(setting: Setting) -> None:
    setting.port.open_send_socket(setting.route)
    for host in (HOST, "0.0.0.0"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):
                other.bind((host, setting.port.port))


@pytest.mark.parametrize("asked", ["127.0.0.1", "127.0.0.2", "127.1.2.3"])
async def test_whatever_address_is_asked_answers(asked: str) -> None:
    """A client at 127.0.0.1 would be answered from there, whichever address of ours it asked."""
    setting = Setting("0.0.0.0")
    setting.client.connect((asked, setting.port.port))  # takes datagrams from nowhere else
    setting.client.send(b"\x00\x01" + bytes(18))
    assert await setting.receive() == b"answer"
    route = Route(asked, setting.client.getsockname())
    setting.port._owners[route] = setting.owner
    send_socket = setting.port.open_send_socket(route)
    send_socket.send(b"over a leg")
    assert await setting.receive() == b"over a leg"
    setting.client.send(b"\x16back")
    await until(lambda: setting.owner.dtls == [b"\x16back"])
    setting.port.close()
    setting.client.close()


async def test_ipv6_and_ipv4_share_a_port() -> None:
    port = Port("::", 0, {}, lambda data, route: [repr(route).encode()], lambda: None)
    port.start()
    for family, host, told in (
        (socket.AF_INET6, "::1", "::1"),
        (socket.AF_INET, "127.0.0.2", "::ffff:127.0.0.2"),
    ):
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.connect((host, port.port))
            client.send(b"\x00\x01" + bytes(18))
            answer = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 2048), 5)
            assert f"local='{told}'".encode() in answer
            name = client.getsockname()
            remote = name if family == socket.AF_INET6 else (f"::ffff:{name[0]}", name[1], 0, 0)
            send_socket = port.open_send_socket(Route(told, remote))
            send_socket.send(b"leg")
            assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 2048), 5) == b"leg"
    port.close()


def test_a_taken_port_stops_the_start_with_a_sentence() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, 0))
        with pytest.raises(StartError, match="cannot be opened for media"):
            Port(HOST, taken.getsockname()[1], {}, lambda data, route: [], lambda: None)
