"""A viewer sends storms of RTCP: nobody else's pictures suffer, and little is sent again for it."""

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiortc import RTCCertificate

from mediaserver.loadtest.bot import Bot
from mediaserver.loadtest.source import SyntheticVideo
from mediaserver.media.core.feedback.retransmission import SHARE
from mediaserver.media.core.packets import rtcp
from mediaserver.media.net import srtp
from tests.e2e.server import WORKER, Server
from tests.scenarios.bystander import Bystander, cpu_s
from tests.scenarios.room import Room

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

PACKET_BYTES = 1100
WORKER_SHARE = 0.3
"""Of a core: the most that a storm may take in addition."""
Storm = Callable[[int, int], Iterator[bytes]]


def repeated_nacks(slot: int, highest: int) -> Iterator[bytes]:
    """One datagram that names 17 packets 330 times."""
    header = rtcp.build_nack(1, slot, [])[4:12]
    item = (highest - 20 & 0xFFFF).to_bytes(2, "big") + b"\xff\xff"
    yield b"\x81\xcd" + (2 + 330).to_bytes(2, "big") + header + item * 330


def everything(slot: int, highest: int) -> Iterator[bytes]:
    """Eight datagrams of all that a subscriber may ask for, and of what it may not."""
    recent = [highest - number & 0xFFFF for number in range(400, 0, -1)]
    yield rtcp.build_nack(1, slot, recent)
    yield b"".join(rtcp.build_nack(1, slot, recent[at : at + 17]) for at in range(0, 400, 17))
    yield rtcp.build_pli(1, slot) * 30 + rtcp.build_fir(1, slot, 1)
    yield rtcp.build_pli(1, slot) * 100
    yield rtcp.build_remb(1, 10_000_000, [slot] * 200)
    yield rtcp.build_transport_feedback(1, slot, os.urandom(1000))
    yield rtcp.build_rr(1, [rtcp.ReportBlock(slot, 0, 0, highest, 0, 0, 0)] * 31)
    yield rtcp.build_sdes(1, "x" * 200) + os.urandom(100)


def send_rtcp(bot: Bot, packet: bytes) -> None:
    endpoint: Any = bot._endpoint
    memory, length = endpoint._memory, endpoint._length
    memory.view[: len(packet)] = packet
    length[0] = len(packet)
    assert not srtp.protect_rtcp(endpoint._keys.tx, memory.pointer(0), length)
    endpoint._send(memory.view[: length[0]])


async def storm(bot: Bot, slot: int, make: Storm) -> None:
    """Thirty rounds a second."""
    for _ in itertools.count():
        for packet in make(slot, bot.received[slot].highest & 0xFFFF):
            send_rtcp(bot, packet)
        await asyncio.sleep(1 / 30)


def count_plis(bot: Bot) -> list[float]:
    """The times of the keyframe requests that the bot gets from now on."""
    endpoint: Any = bot._endpoint
    times: list[float] = []
    handle = endpoint._on_rtcp

    def counting(packets: list[rtcp.Packet]) -> None:
        times.extend(time.monotonic() for packet in packets if isinstance(packet, rtcp.Pli))
        handle(packets)

    endpoint._on_rtcp = counting
    return times


async def test_storms_of_rtcp_are_not_felt_by_others(tmp_path: Path) -> None:
    async with (
        Server.running(tmp_path) as server,
        Bystander.beside(server) as bystander,
        aiohttp.ClientSession() as http,
    ):
        certificate = RTCCertificate.generateCertificate()
        room = Room(http, certificate)
        speaker, attacker = await room.open(server.url), await room.enter()
        await speaker.negotiate(certificate, [("camera", SyntheticVideo(size=PACKET_BYTES))], 0, 0)
        playing = asyncio.create_task(speaker.play())
        await attacker.negotiate(certificate, [], 1, 1)
        await room.watch(attacker, speaker)
        (slot,) = attacker.received
        (worker,) = server.children(WORKER)
        plis = count_plis(speaker)

        used_s = cpu_s(worker)
        quiet = await bystander.observe(2.5)
        usual_share = (cpu_s(worker) - used_s) / 2.5
        for make in (repeated_nacks, everything):
            sent_again, forwarded, used_s = (
                _sent_again(attacker, slot),
                attacker.received[slot].packets,
                cpu_s(worker),
            )
            attack = asyncio.create_task(storm(attacker, slot, make))
            attacked = await bystander.observe(3)
            attack.cancel()
            await asyncio.gather(attack, return_exceptions=True)
            attacked.assert_undisturbed(quiet)
            assert (cpu_s(worker) - used_s) / 3 <= usual_share + WORKER_SHARE, make.__name__
            sent_again = _sent_again(attacker, slot) - sent_again
            forwarded = attacker.received[slot].packets - forwarded
            assert 0 < sent_again <= SHARE * forwarded + 40, make.__name__
        assert len(plis) <= 8, "the publisher is asked for few keyframes"
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        await room.close()


def _sent_again(bot: Bot, slot: int) -> int:
    return sum(one.packets for ssrc, one in bot.received.items() if ssrc != slot)
