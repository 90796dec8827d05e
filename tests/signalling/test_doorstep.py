"""Connections on which nobody signs in do not stay, and are not without number."""

import asyncio

import aiohttp
import pytest
from socketio.exceptions import ConnectionError as Refused

from mediaserver.signalling import doorstep
from mediaserver.usecases import identity
from tests.rooms.fakes import until
from tests.signalling.conftest import Live

PATH = "/socket.io/?EIO=4&transport="


async def closes(ws: aiohttp.ClientWebSocketResponse) -> None:
    """Answer pings like a living client until the server ends the connection."""
    async with asyncio.timeout(5):
        async for message in ws:
            if message.data == "2":
                await ws.send_str("3")


async def test_who_does_not_sign_in_is_closed_and_who_does_stays(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorstep, "SIGN_IN_S", 0.2)
    mia = await live.connected("mia")
    server = live.signalling.audience.server
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{live.url}{PATH}polling") as polling:
            assert polling.status == 200
        async with http.ws_connect(f"{live.url}{PATH}websocket") as silent:
            await closes(silent)
        async with http.ws_connect(f"{live.url}{PATH}websocket") as stranger:
            await stranger.send_str('40{"token":"nonsense"}')
            await closes(stranger)
    # engineio forgets a closed polling connection when it next looks through them
    await until(lambda: sum(map(server.lives, server.eio.sockets)) == 1 and len(server.doorstep) == 0)
    assert (await mia.join(await live.session(mia)))["ok"]


async def test_who_signs_out_of_socket_io_does_not_stay_connected(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    mia = await live.user("mia")
    server = live.signalling.audience.server
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{live.url}{PATH}websocket") as ws:
        await ws.send_str(f'40{{"token":"{mia.token}"}}')
        await until(lambda: live.signalling.connections == 1)
        assert len(server.doorstep) == 0
        monkeypatch.setattr(doorstep, "SIGN_IN_S", 0.1)
        await ws.send_str("41")
        await closes(ws)
    await until(lambda: not server.eio.sockets and len(server.doorstep) == 0)


async def test_so_many_strangers_and_no_more(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorstep, "MAX_STRANGERS", 2)
    mia = await live.connected("mia")
    ben = await live.user("ben")
    async with aiohttp.ClientSession() as http:
        first = await http.ws_connect(f"{live.url}{PATH}websocket")
        second = await http.ws_connect(f"{live.url}{PATH}websocket")
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(f"{live.url}{PATH}websocket")
        with pytest.raises(Refused):
            await ben.connect()
        assert (await mia.ask("session.leave"))["error"]["code"] == "not_in_session"  # who is in is served
        await first.close()
        await until(lambda: len(live.signalling.audience.server.doorstep) == 1)
        await ben.connect()
        await second.close()


async def test_who_goes_while_signing_in_is_not_counted(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    mia = await live.user("mia")
    waiting, go, real = asyncio.Event(), asyncio.Event(), identity.authenticate

    async def slow(*args: object) -> object:
        waiting.set()
        await go.wait()
        return await real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(identity, "authenticate", slow)
    server = live.signalling.audience.server
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{live.url}{PATH}websocket") as ws:
        await ws.send_str(f'40{{"token":"{mia.token}"}}')
        await waiting.wait()
        (eio_sid,) = server.eio.sockets
        await server.end(eio_sid)
        go.set()
        await closes(ws)
    await until(lambda: not server.eio.sockets)
    assert live.signalling.connections == 0
