"""Participants send valid checks from addresses that are not theirs: that moves no media."""

import asyncio
import contextlib
import socket
from typing import Any

import pytest

from mediaserver.loadtest.bot import Bot
from tests.e2e.server import Server, wait_until
from tests.scenarios.bystander import Bystander
from tests.scenarios.room import Room

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

_ATTACK_S = 4.0
_CHECKS_PER_S = 200


class ThirdParty:
    """An address that has nothing to do with the server; it counts what comes and answers nothing."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.stun_bytes = self.other = 0

    def drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data = self.sock.recv(2048)
                if data[0] < 4:
                    self.stun_bytes += len(data)
                else:
                    self.other += 1


async def paced(send: Any) -> int:
    """Call `send` 200 times a second for the time of the attack; returns how often."""
    loop = asyncio.get_running_loop()
    started, calls = loop.time(), 0
    while loop.time() - started < _ATTACK_S:
        while calls < (loop.time() - started) * _CHECKS_PER_S:
            send()
            calls += 1
        await asyncio.sleep(0.01)
    return calls


@pytest.fixture
def third() -> Any:
    third = ThirdParty()
    with third.sock:
        yield third


async def watching(room: Room, server: Server) -> tuple[Bot, Bot]:
    """A moderator who publishes, and a guest who gets it."""
    moderator = await room.open(server.url)
    guest = await room.enter()
    await room.publish(moderator)
    await room.publish(guest, 1)
    await room.watch(guest, moderator)
    await room.watch(moderator, guest)
    return moderator, guest


def packets(bot: Bot) -> int:
    return sum(one.packets for one in bot.received.values())


async def test_checks_from_a_third_partys_address_move_no_media_there(
    server: Server, room: Room, third: ThirdParty
) -> None:
    _, guest = await watching(room, server)
    endpoint: Any = guest._endpoint
    checked = 0

    def check() -> None:
        nonlocal checked
        request = endpoint._binding_request()  # valid, and nominating
        checked += len(request)
        third.sock.sendto(request, endpoint._remote.address)
        third.drain()

    async with Bystander.beside(server) as bystander:
        quiet = await bystander.observe(2)
        attack = asyncio.create_task(paced(check))
        attacked = await bystander.observe(3)
        await attack
    third.drain()
    assert third.other == 0, "no media, no DTLS"
    assert 0 < third.stun_bytes <= checked, "answers and requests together are no larger than the checks"
    attacked.assert_undisturbed(quiet)
    before = packets(guest)
    await wait_until(lambda: packets(guest) > before + 50, 5, "the guest's own media goes on")


async def test_nobody_takes_over_somebody_elses_address(server: Server, room: Room) -> None:
    moderator, guest = await watching(room, server)
    attacker, victim = guest._endpoint, moderator._endpoint
    assert attacker is not None and victim is not None
    before = packets(moderator)
    lost = [one.lost for one in moderator.received.values()]
    # Sent through the victim's own socket: the server gets what a forged source address would give it.
    calls = await paced(lambda: victim._socket.send(attacker._binding_request()))
    assert calls >= _CHECKS_PER_S
    assert packets(moderator) - before > 50 * (_ATTACK_S - 1), "media went on to the victim"
    assert [one.lost for one in moderator.received.values()] == lost
    assert victim._dtls.state == "connected"


async def test_a_client_that_really_moves_is_followed(server: Server, room: Room) -> None:
    """The counterpart: the same check from an address that answers moves the media there."""
    _, guest = await watching(room, server)
    endpoint: Any = guest._endpoint
    loop = asyncio.get_running_loop()
    loop.remove_reader(endpoint._socket.fileno())
    endpoint._socket.close()
    endpoint._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    endpoint._socket.setblocking(False)
    endpoint._socket.connect(endpoint._remote.address)
    loop.add_reader(endpoint._socket.fileno(), endpoint._readable)
    before = packets(guest)
    await wait_until(lambda: packets(guest) > before + 50, 5, "the guest's media comes to its new address")
