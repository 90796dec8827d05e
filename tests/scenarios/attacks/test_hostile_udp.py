"""Strangers throw datagrams at the media port while two people exchange media: these do not notice."""

import hmac
import os
import secrets
import socket
import struct
from collections.abc import Iterator
from typing import Any
from zlib import crc32

import aiohttp
import pytest

from mediaserver.loadtest.bot import Bot
from tests.e2e.server import Server, wait_until
from tests.scenarios.room import Room

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

_COOKIE = 0x2112A442


def stun(username: bytes, password: bytes, kind: int = 1) -> bytes:
    """A binding request as a client would sign it."""
    body = struct.pack("!HH", 6, len(username)) + username + bytes(-len(username) % 4)
    body += struct.pack("!HHI", 0x24, 4, 1) + struct.pack("!HH", 0x25, 0)
    transaction = os.urandom(12)

    def header(length: int) -> bytes:
        return struct.pack("!HHI12s", kind, length, _COOKIE, transaction)

    body += struct.pack("!HH", 8, 20) + hmac.digest(password, header(len(body) + 24) + body, "sha1")
    checksum = crc32(header(len(body) + 8) + body) ^ 0x5354554E
    return header(len(body) + 8) + body + struct.pack("!HHI", 0x8028, 4, checksum)


def rubbish(ufrag: str, ssrcs: list[int], recorded: list[bytes]) -> Iterator[bytes]:
    """One round of everything that a stranger might send."""
    yield b""
    yield os.urandom(1)
    yield from (bytes([first]) + os.urandom(secrets.randbelow(1400)) for first in range(0, 256, 5))
    yield os.urandom(9000)
    right, wrong = f"{ufrag}:them".encode(), os.urandom(24).hex().encode()
    yield stun(right, wrong)
    yield stun(b"nobody:them", wrong)
    yield stun(right, wrong, 0x0101)
    yield stun(right, wrong)[:30]
    yield struct.pack("!HHI12s", 1, 0xFFFC, _COOKIE, os.urandom(12)) + os.urandom(200)
    yield b"\x16\xfe\xfd" + bytes(8) + struct.pack("!H", 200) + b"\x01" + os.urandom(199)
    yield b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28"
    for ssrc in ssrcs:
        yield struct.pack("!BBHII", 0x80, 111, 1, 1, ssrc) + os.urandom(100)
        yield struct.pack("!BBHI", 0x81, 203, 1, ssrc) + os.urandom(14)
    yield from recorded


async def dropped(http: aiohttp.ClientSession, url: str) -> dict[str, float]:
    """The worker's dropped datagrams by reason."""
    async with http.get(f"{url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    found = [line for line in lines if line.startswith("mediaserver_media_dropped_total{")]
    return {line.split('reason="')[1].split('"')[0]: float(line.rsplit(" ", 1)[1]) for line in found}


def record(bot: Bot) -> list[bytes]:
    """From now on, everything that the bot sends."""
    endpoint: Any = bot._endpoint
    sent: list[bytes] = []
    send = endpoint._send

    def recording(data: Any) -> None:
        if len(sent) < 200:
            sent.append(bytes(data))
        send(data)

    endpoint._send = recording
    return sent


async def test_strangers_reach_nobody(server: Server, http: aiohttp.ClientSession, room: Room) -> None:
    moderator = await room.open(server.url)
    guest = await room.enter()
    await room.publish(moderator)
    await room.publish(guest, 1)
    await room.watch(guest, moderator)
    await room.watch(moderator, guest)
    recorded = record(moderator)
    await wait_until(lambda: len(recorded) == 200, 10, "some packets to send again")
    before = await dropped(http, server.url)
    endpoint: Any = moderator._endpoint
    address, ufrag = endpoint._remote.address, endpoint._remote.ufrag
    ssrcs = [*moderator.streams, *guest.received]

    strangers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(5)]
    rounds = 0
    for bot in (guest, moderator):
        bot.received.clear()
    try:

        async def throw() -> bool:
            nonlocal rounds
            rounds += 1
            for stranger in strangers:
                for datagram in rubbish(ufrag, ssrcs, recorded):
                    stranger.sendto(datagram, address)
            return rounds >= 30  # a round every 100 ms

        await wait_until(throw, 30, "all is thrown")
        for datagram in recorded:  # and once more the sender's own, from its own address
            endpoint._socket.send(datagram)
        counts = {id(bot): sum(one.packets for one in bot.received.values()) for bot in (guest, moderator)}
        for bot in (guest, moderator):
            await wait_until(
                lambda bot=bot: sum(one.packets for one in bot.received.values()) > counts[id(bot)] + 50,
                5, "media flows on",
            )  # fmt: skip
            assert len(bot.received) == 2, "nothing but what was subscribed"
            assert [one.lost for one in bot.received.values()] == [0, 0]
        for stranger in strangers:
            stranger.setblocking(False)
            with pytest.raises(BlockingIOError):
                stranger.recv(1500)
    finally:
        for stranger in strangers:
            stranger.close()

    async def counted() -> dict[str, float]:
        now = await dropped(http, server.url)
        more = {reason: now[reason] - before.get(reason, 0) for reason in now}
        wanted = ("stranger", "size", "stun_integrity", "stun_unknown_ufrag", "stun_malformed")
        return more if all(more.get(reason, 0) >= 30 for reason in wanted) else {}

    await wait_until(counted, 10, "what was dropped is counted by reason")
