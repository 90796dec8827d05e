"""Broadcasts: one frame for all, in order with what is queued, and no mercy for a socket that does not read."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from mediaserver.base.errors import StartError
from mediaserver.base.settings.tree import SignallingSettings
from mediaserver.signalling import fanout, socket_server
from mediaserver.signalling.fanout import Fanout
from mediaserver.signalling.socket_server import Answer, self_test
from tests.rooms.fakes import until


class Bench:
    """A fanout served over HTTP; raw WebSocket clients show what is really on the wire."""

    def __init__(self) -> None:
        self.sockets: list[str] = []
        self.gone: list[str] = []
        self.fanout = Fanout(
            self._event, lambda socket, room: None, lambda request: "network", SignallingSettings(),
            cors_allowed_origins="*",
        )  # fmt: skip
        self.fanout.server.on("connect", self._connect)
        self.fanout.server.on("disconnect", self._disconnect)
        self.url = ""

    async def _connect(self, sid: str, environ: Any, auth: Any = None) -> None:
        self.sockets.append(sid)
        self.fanout.connected(sid, sid)
        self.fanout.attach(sid, "room")

    async def _disconnect(self, sid: str, reason: str = "") -> None:
        self.gone.append(sid)
        self.fanout.disconnected(sid)

    async def _event(self, sid: str, name: str, arguments: list[Any]) -> Answer:
        self.fanout.broadcast("room", "before", {})
        return Answer({"ok": True}, then=lambda: self.fanout.broadcast("room", "after", {}))

    async def client(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        ws = await session.ws_connect(f"{self.url}/socket.io/?EIO=4&transport=websocket", max_msg_size=0)
        await ws.receive_str()
        await ws.send_str("40")
        await ws.receive_str()
        return ws


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    app = web.Application()
    bench.fanout.server.attach(app)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    bench.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield bench
    await bench.fanout.shutdown()
    await runner.cleanup()


async def receive(ws: aiohttp.ClientWebSocketResponse) -> list[Any]:
    text = await asyncio.wait_for(ws.receive_str(), 5)
    return [text[:2], json.loads(text.lstrip("0123456789"))]


def test_the_libraries_have_the_insides_that_we_use() -> None:
    self_test()


def test_an_inside_that_moved_stops_the_start_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket_server.socketio.AsyncServer, "_handle_ack")
    with pytest.raises(StartError, match=r"python-socketio.*_handle_ack"):
        self_test()


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 300_000])
async def test_frames_of_every_length_arrive_whole(bench: Bench, size: int) -> None:
    async with aiohttp.ClientSession() as session:
        ws = await bench.client(session)
        bench.fanout.broadcast("room", "e", {"text": "ü" * (size // 2)})
        assert await receive(ws) == ["42", ["e", {"text": "ü" * (size // 2)}]]
        await ws.close()


async def test_everyone_in_the_room_gets_it_once_and_nobody_else(bench: Bench) -> None:
    async with aiohttp.ClientSession() as session:
        clients = [await bench.client(session) for _ in range(3)]
        bench.fanout.detach(bench.sockets[2], "room")
        bench.fanout.broadcast("room", "e", {"n": 1})
        bench.fanout.send(bench.sockets[2], "own", {})
        assert [await receive(ws) for ws in clients] == [["42", ["e", {"n": 1}]]] * 2 + [["42", ["own", {}]]]
        for ws in clients:
            await ws.close()


async def test_direct_frames_never_overtake_what_is_queued(bench: Bench) -> None:
    async with aiohttp.ClientSession() as session:
        ws = await bench.client(session)
        for number in range(300):
            bench.fanout.broadcast("room", "direct", {"n": 3 * number})
            packet = f'2["queued",{{"n":{3 * number + 1}}}]'
            bench.fanout.server.put(bench.fanout.server.manager.eio_sid_from_sid(bench.sockets[0], "/"), packet)
            if number % 7 == 0:
                await asyncio.sleep(0)
            bench.fanout.broadcast("room", "direct", {"n": 3 * number + 2})
            if number % 5 == 0:
                await asyncio.sleep(0)
        assert [(await receive(ws))[1][1]["n"] for _ in range(900)] == list(range(900))
        await ws.close()


async def test_an_answer_stands_between_what_came_before_and_after_it(bench: Bench) -> None:
    async with aiohttp.ClientSession() as session:
        ws = await bench.client(session)
        await ws.send_str('427["anything",{}]')
        assert [(await receive(ws))[1] for _ in range(3)] == [["before", {}], [{"ok": True}], ["after", {}]]
        await ws.close()


async def test_acknowledgements_reach_who_waits_for_them_once(bench: Bench) -> None:
    async with aiohttp.ClientSession() as session:
        ws = await bench.client(session)
        heard: list[int] = []
        bench.fanout.send(bench.sockets[0], "e", {}, lambda: heard.append(1))
        text = await ws.receive_str()
        number = text[2 : text.index("[")]
        for _ in range(2):
            await ws.send_str(f"43{number}[]")
        await ws.send_str("430[]")
        await ws.send_str('421["anything",{}]')
        await receive(ws)
        assert heard == [1]
        await ws.close()


async def test_who_does_not_read_is_put_out_with_a_reason_and_holds_nobody_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "_LAST_WORDS_S", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(bench.url.rpartition(":")[2]), limit=1024)
    writer.write(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
        b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n\x81\x82\0\0\0\0"
        + b"40"
    )
    await until(lambda: len(bench.sockets) == 1)
    async with aiohttp.ClientSession() as session:
        ws = await bench.client(session)
        for number in range(400):
            bench.fanout.broadcast("room", "e", {"n": number, "text": "x" * 50_000})
            assert (await receive(ws))[1][1]["n"] == number
            if bench.fanout.too_slow:
                break
        assert bench.fanout.too_slow == 1
        await until(lambda: bench.gone == [bench.sockets[0]])
        await ws.close()
    rest = b""
    while chunk := await asyncio.wait_for(_read(reader), 5):
        rest = (rest + chunk)[-200:]
    writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(65536)
    except ConnectionError:
        return b""
