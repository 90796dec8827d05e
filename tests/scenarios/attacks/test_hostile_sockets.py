"""Socket.IO clients that break every rule: their own connection ends or is refused; the others keep talking."""

import asyncio
import contextlib
import json
import secrets
import socket
from pathlib import Path

import aiohttp
import pytest

from mediaserver.loadtest.bot import Bot
from tests.e2e.server import Server, wait_until
from tests.scenarios.room import Room, events, heard, refusal, say
from tests.scenarios.wire import Raw

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

_ENDING = {
    "no packet type": "4",
    "unknown packet type": "49",
    "event that is no JSON": "42{",
    "event that is no list": '42{"a": 1}',
    "event without a name": "42[]",
    "event with a number for a name": "421[1]",
    "event with a list for a name": '42[["session.join"], {}]',
    "event with null for a name": "42[null]",
    "binary event whose parts never come": '452-["chat.send", {"_placeholder": true, "num": 0}]',
    "binary event of a million parts": '451000000-["x"]',
    "binary acknowledgement": "461-1[]",
    "deep JSON": "42" + "[" * 100_000,
    "more values than are read": '42["media.subscribe", {"slots": [' + "{}," * 1000 + "{}]}]",
    "endless number": "42" + "9" * 5000,
    "second connect with nonsense": "40[",
}


@pytest.mark.parametrize("text", _ENDING.values(), ids=_ENDING.keys())
async def test_a_malformed_packet_ends_its_connection_only(
    server: Server, http: aiohttp.ClientSession, room: Room, text: str
) -> None:
    moderator = await room.open(server.url)
    villain = await room.person()
    async with Raw.connected(http, server.url, villain.token) as raw:
        joined = await raw.ask("session.join", {"kind": "video", "sessionId": room.session_id})
        assert joined["ok"]
        await raw.socket.send_str(text)
        await raw.over()
    await say(moderator, "still here")
    await heard(moderator, "still here")
    left = "participant.left"
    await wait_until(lambda: events(moderator, left), 5, "the villain's place is free after the grace")


@pytest.mark.parametrize("packet", ["9hello", "6", "2probe", "43999[1]", "4399999999999999999999[]"])
async def test_odd_packets_do_not_disturb(
    server: Server, http: aiohttp.ClientSession, room: Room, packet: str
) -> None:
    moderator = await room.open(server.url)
    villain = await room.person()
    async with Raw.connected(http, server.url, villain.token) as raw:
        await raw.socket.send_str(packet)
        await say(moderator, packet)
        await heard(moderator, packet)


async def test_bytes_end_the_connection(server: Server, http: aiohttp.ClientSession, room: Room) -> None:
    await room.open(server.url)
    villain = await room.person()
    async with Raw.connected(http, server.url, villain.token) as raw:
        await raw.socket.send_bytes(secrets.token_bytes(1000))
        await raw.over()


async def test_a_huge_message_ends_the_connection(
    server: Server, http: aiohttp.ClientSession, room: Room
) -> None:
    moderator = await room.open(server.url)
    villain = await room.person()
    before = memory_kib(server.pid)
    for _ in range(10):
        async with Raw.connected(http, server.url, villain.token) as raw:
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                await raw.socket.send_str('42["chat.send", "' + "x" * (8 << 20) + '"]')
            await raw.over()
    assert memory_kib(server.pid) - before < 60 << 10
    await say(moderator, "after the flood")
    await heard(moderator, "after the flood")


async def test_unknown_namespaces_are_refused(server: Server, http: aiohttp.ClientSession, room: Room) -> None:
    await room.open(server.url)
    villain = await room.person()
    async with Raw.connected(http, server.url, villain.token) as raw:
        for number in range(200):
            await raw.socket.send_str(f'40/secret{number},{{"token": "x"}}')
        refused = [await raw.socket.receive_str() for _ in range(200)]
        assert all(text.startswith("44/secret") for text in refused)
        answer = await raw.ask("session.leave", {})
        assert answer["error"]["code"] == "not_in_session"


async def test_wrong_payloads_are_refused_by_name(
    server: Server, http: aiohttp.ClientSession, room: Room
) -> None:
    await room.open(server.url)
    villain = await room.person()
    wrong = {
        "session.join": [
            None,
            [],
            "x",
            {"kind": "film", "sessionId": 1},
            {"kind": "video"},
            {"since": {"n": -1}},
        ],
        "chat.send": [{}, {"clientId": "c", "contentType": "Text", "content": 7}],
        "media.negotiate": [{"generation": 1e300, "sdp": [], "tracks": []}],
        "media.subscribe": [{"slots": {"mid": "v0"}}, {"slots": [{}] * 400}],
        "participant.update": [{"mute": "yes"}, {"admin": True}],
    }
    async with Raw.connected(http, server.url, villain.token) as raw:
        number = 1
        for event, payloads in wrong.items():
            for payload in payloads:
                number += 1
                answer = await raw.ask(event, payload, number)
                assert answer["error"]["code"] == "invalid", (event, payload, answer)
        for name in ("", "connect", "disconnect", "session.joined", "__class__", "x" * 10_000):
            number += 1
            answer = await raw.ask(name, {}, number)
            assert answer["error"]["code"] == "unknown_event", (name, answer)
            assert len(json.dumps(answer)) < 500


async def test_ten_thousand_tiny_events_end_their_connection(
    server: Server, http: aiohttp.ClientSession, room: Room
) -> None:
    """Refused at first, then cut off with a reason; formerly all of them were answered."""
    moderator = await room.open(server.url)
    villain = await room.person()
    before = memory_kib(server.pid)
    async with Raw.connected(http, server.url, villain.token) as raw:
        refused, said = 0, ""

        async def send() -> None:
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                for number in range(10_000):
                    await raw.socket.send_str(f'42{number}["session.leave",{{}}]')

        sending = asyncio.create_task(send())
        async with asyncio.timeout(10):
            while (message := await raw.socket.receive()).type is aiohttp.WSMsgType.TEXT:
                refused += '"too_many"' in message.data
                said = message.data if "session.closing" in message.data else said
        assert refused <= 300 and '"flood"' in said
        await sending
    await say(moderator, "meanwhile")
    await heard(moderator, "meanwhile")
    assert memory_kib(server.pid) - before < 60 << 10


async def test_no_sdp_disturbs(server: Server, room: Room) -> None:
    moderator = await room.open(server.url)
    for sdp in ("", "v=0", "\0" * 1000, "m=video\r\n" * 10_000, "v=0\r\n" + "a=mid:" + "x" * 200_000, "é" * 1000):
        refused = await refusal(moderator.call("media.negotiate", {"generation": 1, "sdp": sdp, "tracks": {}}))
        assert "bad_sdp" in refused or "invalid" in refused, refused
    await room.publish(moderator)


async def test_who_does_not_read_is_put_out(tmp_path: Path, http: aiohttp.ClientSession, room: Room) -> None:
    talkative = {f"signalling.{name}": "300" for name in ("chat_per_s", "events_per_s", "user_events_per_s")}
    async with Server.running(tmp_path, {"rooms.grace_s": "1", **talkative}) as server:
        await _put_out(server, http, room)


async def _put_out(server: Server, http: aiohttp.ClientSession, room: Room) -> None:
    moderator = await room.open(server.url)
    guests = [await room.enter() for _ in range(3)]
    lazy = await room.person()

    def little(_: object) -> socket.socket:
        made = socket.socket()
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        return made

    too_slow = "mediaserver_sockets_too_slow"
    before = await metric(http, server.url, too_slow)
    longest, sent = 0.0, 0
    out = asyncio.Event()

    async def talk(bot: Bot) -> None:
        nonlocal longest, sent
        loop = asyncio.get_running_loop()
        while not out.is_set():
            began = loop.time()
            await say(bot, "x" * 4000)
            longest, sent = max(longest, loop.time() - began), sent + 1
            await asyncio.sleep(0.02)

    async def look() -> None:
        async with asyncio.timeout(60):
            while await metric(http, server.url, too_slow) == before:
                await asyncio.sleep(0.2)
        out.set()

    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=little)) as slow,
        Raw.connected(slow, server.url, lazy.token) as raw,
    ):
        joined = await raw.ask("session.join", {"kind": "video", "sessionId": room.session_id})
        transport = raw.socket._conn.transport  # type: ignore[union-attr]
        transport.pause_reading()
        async with asyncio.TaskGroup() as group:
            group.create_task(look())
            for bot in (moderator, *guests):
                group.create_task(talk(bot))
        transport.abort()
    assert longest < 2
    for bot in (moderator, *guests):
        await wait_until(
            lambda bot=bot: len(events(bot, "chat.message")) == sent, 5, "the others have every line"
        )
        await wait_until(lambda bot=bot: events(bot, "participant.left"), 5, "the lazy one is gone")
    assert events(moderator, "participant.left")[0]["participantId"] == joined["participantId"]


async def metric(http: aiohttp.ClientSession, url: str, name: str) -> float:
    async with http.get(f"{url}/metrics") as answer:
        text = await answer.text()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def memory_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError("no such process")
