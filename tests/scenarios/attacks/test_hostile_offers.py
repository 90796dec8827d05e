"""Six signed-in users send offers that take long to read: others connect their media and notice nothing."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
import socketio
from aiortc import RTCCertificate

from mediaserver.loadtest.account import Refused
from mediaserver.loadtest.bot import Bot
from tests.e2e.server import Server, wait_until
from tests.hostile.offers import HOSTILE
from tests.scenarios.bystander import Bystander
from tests.scenarios.room import Room

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

OFFERS = [HOSTILE[name] for name in ("wildcards", "formats", "extensions", "groups of streams")]
ATTACKERS = 6
CODES = ("bad_sdp", "too_many")


async def attack(bot: Bot, refusals: list[str]) -> None:
    """Negotiate without a pause, as often as the server takes it, until the server ends the connection."""
    number = 0
    while True:
        number += 1
        offer = {"generation": number, "sdp": OFFERS[number % len(OFFERS)], "tracks": {}}
        try:
            await bot.call("media.negotiate", offer)
        except Refused as refused:
            refusals.append(str(refused))
            await asyncio.sleep(0.05)
        except socketio.exceptions.SocketIOError:
            return


async def test_hostile_offers_disturb_nobody(tmp_path: Path) -> None:
    async with (
        Server.running(tmp_path) as server,
        Bystander.beside(server) as bystander,
        aiohttp.ClientSession() as http,
    ):
        certificate = RTCCertificate.generateCertificate()
        room = Room(http, certificate)
        await room.open(server.url)
        attackers = [await room.enter() for _ in range(ATTACKERS)]
        newcomer = await room.enter()
        quiet = await bystander.observe(2)
        refusals: list[str] = []
        attacks = [asyncio.create_task(attack(bot, refusals)) for bot in attackers]
        observing = asyncio.create_task(bystander.observe(3))
        await newcomer.negotiate(certificate, [], 1, 1)
        attacked = await observing
        # On a busy machine the budgets last longer than the observation.
        await wait_until(lambda: all(any(code in one for one in refusals) for code in CODES), 20, "refusals")
        for task in attacks:
            task.cancel()
        outcomes = await asyncio.gather(*attacks, return_exceptions=True)
        assert not [one for one in outcomes if isinstance(one, Exception)]
        attacked.assert_undisturbed(quiet)
        await room.close()
