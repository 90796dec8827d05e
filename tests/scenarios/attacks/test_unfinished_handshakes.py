"""Participants begin DTLS handshakes that they never finish, and throw records at them: others do not notice."""

import asyncio
import random
import secrets
import struct
from collections.abc import Iterator

import pytest
from aiortc import RTCCertificate
from OpenSSL import SSL

from mediaserver.loadtest.bot import Bot
from mediaserver.loadtest.endpoint import Endpoint
from mediaserver.loadtest.sdp import Section, make_offer, read_answer
from mediaserver.media.net import srtp
from tests.e2e.server import WORKER, Server
from tests.scenarios.bystander import Bystander, resident_kib
from tests.scenarios.room import Room

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

_ATTACKERS = 8
_TRANSPORTS = 4
"""Connections of each attacker: a higher generation replaces the former one, so one is left in the server."""
_PER_SECOND = 200
_MOST_KIB = 400
"""What an unfinished handshake may cost: OpenSSL's state (70), reassembly (48), early records, datagrams."""


def client_hello(certificate: RTCCertificate) -> bytes:
    """What a real client begins with."""
    ssl = SSL.Connection(srtp.dtls_context(certificate))
    ssl.set_ciphertext_mtu(1200)
    ssl.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        ssl.do_handshake()
    return ssl.bio_read(1500)


def rubbish(chance: random.Random) -> Iterator[bytes]:
    """Records that make a server keep something or compute something."""
    for number in range(1 << 40):
        yield record(
            struct.pack("!B3sH3s3s", 11, b"\0\x3e\x80", number % 9, bytes(3), b"\0\0\x01") + b"x", number
        )
        yield record(chance.randbytes(1000), number, epoch=1)
        yield record(chance.randbytes(40), number)


def record(body: bytes, number: int, epoch: int = 0) -> bytes:
    return struct.pack("!BHHHIH", 22, 0xFEFD, epoch, 0, 100 + number, len(body)) + body


async def reached(bot: Bot, certificate: RTCCertificate, generation: int) -> Endpoint:
    """A connection of which the server knows the address, and no handshake yet."""
    endpoint = Endpoint(certificate, lambda view, size: None, lambda packets: None)
    digest = certificate.getFingerprints()[0]
    offer = make_offer([Section("audio", "a0")], endpoint.ufrag, endpoint.pwd, (digest.algorithm, digest.value))
    asked = {"generation": generation, "sdp": offer, "tracks": {}}
    answer = await bot.call("media.negotiate", asked)
    await endpoint.reach(read_answer(answer["sdp"]))
    return endpoint


async def test_unfinished_handshakes_are_felt_by_nobody(
    server: Server, room: Room, certificate: RTCCertificate
) -> None:
    moderator = await room.open(server.url)
    await room.publish(moderator)
    attackers = [await room.enter() for _ in range(_ATTACKERS)]
    hello = client_hello(certificate)
    chance = random.Random(secrets.randbits(32))
    endpoints: list[Endpoint] = []

    async def attack(bot: Bot) -> None:
        records = rubbish(chance)
        for generation in range(1, _TRANSPORTS + 1):
            endpoint = await reached(bot, certificate, generation)
            endpoints.append(endpoint)
            endpoint._send(hello)
            for _ in range(_PER_SECOND):
                endpoint._send(next(records))
                await asyncio.sleep(1 / _PER_SECOND)

    async with Bystander.beside(server) as bystander:
        quiet = await bystander.observe(2)
        pids = server.children(WORKER)
        before = sum(map(resident_kib, pids))
        running = [asyncio.create_task(attack(bot)) for bot in attackers]
        watching = asyncio.create_task(bystander.observe(3))
        async with asyncio.timeout(10):
            guest = await room.enter()
            await room.publish(guest, 1)
            await room.watch(guest, moderator)
        attacked = await watching
        await asyncio.gather(*running)
        grown = sum(map(resident_kib, pids)) - before
    for endpoint in endpoints:
        await endpoint.close()
    attacked.assert_undisturbed(quiet)
    assert grown < _ATTACKERS * _TRANSPORTS * _MOST_KIB, "KiB for each handshake"
