"""Connections on which nobody signs in do not stay, are not without number, and lock nobody out."""

import asyncio
import json

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.signalling.pending_connections import PendingConnections
from mediaserver.usecases.accounts import identity
from tests.rooms.fakes import until
from tests.signalling.conftest import Live

PATH = "/socket.io/?EIO=4&transport="


async def closes(ws: aiohttp.ClientWebSocketResponse) -> None:
    """Answer pings like a living client until the server ends the connection."""
    async with asyncio.timeout(5):
        async for message in ws:
            if message.data == "2":
                await ws.send_str("3")


# ------------------------------------------------------------------- which one is closed


def test_the_oldest_connection_of_the_network_with_most_makes_room() -> None:
    pending = PendingConnections(limit=4)
    for connection, network in (("a1", "a"), ("b1", "b"), ("b2", "b"), ("b3", "b")):
        assert pending.add(connection, network, 0) is None
    assert pending.add("a2", "a", 1) == "b1"
    assert pending.add("c1", "c", 1) == "b2"  # two each: b has had two for longer
    assert len(pending) == 4 and "a2" in pending


def test_who_is_alone_in_a_network_stays_while_another_network_floods() -> None:
    pending = PendingConnections(limit=100)
    assert pending.add("honest", "home", 0) is None
    evicted = [pending.add(f"flood{n}", "villain", 0) for n in range(5000)]
    assert "honest" in pending and len(pending) == 100
    assert evicted[99:] == [f"flood{n}" for n in range(4901)]


def test_connections_expire_in_order() -> None:
    pending = PendingConnections(limit=10)
    pending.add("a", "x", 5)
    pending.add("b", "x", 6)
    assert pending.next_due_s() == 5
    pending.remove("unknown")
    assert pending.expire(4.9) == [] and pending.expire(5.5) == ["a"]
    assert pending.expire(6) == ["b"] and pending.next_due_s() is None


def test_connections_with_more_time_do_not_extend_that_of_others() -> None:
    pending = PendingConnections(limit=10)
    pending.add("polling", "x", 15)
    pending.add("websocket", "x", 6)
    assert pending.next_due_s() == 6 and pending.expire(14.9) == ["websocket"]
    pending.add("polling", "x", 20)
    assert pending.expire(15) == [] and pending.next_due_s() == 20
    pending.remove("polling")
    assert pending.next_due_s() is None and pending.expire(99) == []


@given(st.lists(st.tuples(st.sampled_from(["add", "remove"]), st.integers(0, 15), st.sampled_from("abc"))))
def test_the_largest_network_is_always_known(steps: list[tuple[str, int, str]]) -> None:
    pending, held = PendingConnections(limit=6), dict[str, str]()
    for act, number, network in steps:
        connection = str(number)
        if act == "remove":
            pending.remove(connection)
            held.pop(connection, None)
            continue
        held.pop(connection, None)
        counts = {each: list(held.values()).count(each) for each in held.values()}
        evicted = pending.add(connection, network, 0)
        assert (evicted is not None) == (len(held) == 6)
        if evicted is not None:
            assert counts[held[evicted]] == max(counts.values())
            assert evicted == next(each for each in held if held[each] == held[evicted])
            del held[evicted]
        held[connection] = network
        assert len(pending) == len(held) and all(each in pending for each in held)


# ------------------------------------------------------------------- on a server


@pytest.mark.parametrize("overrides", [{"signalling.sign_in_s": "0.2"}])
async def test_a_connection_without_a_sign_in_is_closed(live: Live) -> None:
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
    await until(lambda: len(server.eio.sockets) == 1 and len(server.connections.pending) == 0)
    assert server.connections.expired == 3
    assert len(server.eio._pings) == 1 and list(server.environ) == list(server.eio.sockets)
    assert (await mia.join(await live.session(mia)))["ok"]


@pytest.mark.parametrize("overrides", [{"signalling.sign_in_s": "0.5"}])
async def test_a_polling_client_on_a_slow_link_may_sign_in_later(live: Live) -> None:
    """With a round trip of 2 s, its next request arrives 6 s after the handshake, over another TLS connection."""
    mia = await live.user("mia")
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{live.url}{PATH}websocket") as silent:
        async with http.get(f"{live.url}{PATH}polling") as handshake:
            sid = json.loads((await handshake.text())[1:])["sid"]
        await closes(silent)  # it had its 0.5 s
        path = f"{live.url}{PATH}polling&sid={sid}"
        async with http.post(path, data=f'40{{"token":"{mia.token}"}}') as sign_in:
            assert sign_in.status == 200
        async with http.get(path) as poll:
            assert (await poll.text()).startswith("40")
    assert live.signalling.connections == 1


@pytest.mark.parametrize("overrides", [{"signalling.sign_in_s": "0.3"}])
async def test_forged_tokens_do_not_extend_the_deadline(live: Live) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{live.url}{PATH}websocket") as ws:
        ended = asyncio.create_task(closes(ws))
        for _ in range(8):
            if not ended.done():
                await ws.send_str('40{"token":"nonsense"}')
            await asyncio.sleep(0.1)
        await asyncio.wait_for(ended, 1)


@pytest.mark.parametrize("overrides", [{"signalling.sign_in_s": "0.3"}])
async def test_signing_out_of_socket_io_closes_the_connection(live: Live) -> None:
    mia = await live.user("mia")
    server = live.signalling.audience.server
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{live.url}{PATH}websocket") as ws:
        await ws.send_str(f'40{{"token":"{mia.token}"}}')
        await until(lambda: live.signalling.connections == 1)
        assert len(server.connections.pending) == 0
        await ws.send_str("41")
        await closes(ws)
    await until(lambda: not server.eio.sockets and len(server.connections.pending) == 0)
    assert len(server.connections.users) == 0 or live.signalling.connections == 0


@pytest.mark.parametrize("overrides", [{"signalling.max_pending_connections": "5"}])
async def test_a_full_queue_closes_the_oldest_stranger_and_refuses_nobody(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.user("ben")
    server = live.signalling.audience.server
    async with aiohttp.ClientSession() as http:
        strangers = [await http.ws_connect(f"{live.url}{PATH}websocket") for _ in range(8)]
        polls = [await http.get(f"{live.url}{PATH}polling") for _ in range(8)]
        assert [poll.status for poll in polls] == [200] * 8
        await ben.connect()
        assert (await mia.ask("session.leave"))["error"]["code"] == "not_in_session"
        for stranger in strangers:
            await closes(stranger)
    assert server.connections.evicted == 12  # and ben's handshake was another one
    assert len(server.connections.pending) <= 5
    await until(lambda: len(server.eio.sockets) <= 7)


@pytest.mark.parametrize(
    "overrides", [{"signalling.max_pending_connections": "5", "http.trusted_proxies": "127.0.0.1"}]
)
async def test_the_address_is_the_one_that_a_trusted_proxy_names(live: Live) -> None:
    server = live.signalling.audience.server
    async with aiohttp.ClientSession() as http:
        path = f"{live.url}{PATH}websocket"
        async with http.ws_connect(path, headers={"X-Forwarded-For": "2001:db8:0:1::1"}) as honest:
            await honest.receive_str()
            for number in range(20):
                forwarded = {"X-Forwarded-For": f"203.0.113.9, 2001:db8::{number:x}"}  # all of one /64
                async with http.get(f"{live.url}{PATH}polling", headers=forwarded) as answer:
                    assert answer.status == 200
            assert server.connections.evicted == 16
            await honest.send_str("3")
            assert any(each.network == "2001:db8:0:1::/64" for each in server.connections._connections.values())
            assert len(server.connections.pending) == 5


async def test_a_connection_that_ends_during_its_sign_in_is_not_counted(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
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
        assert len(server.connections.pending) == 0  # a valid token is not evicted while it is looked up
        await server.end(eio_sid)
        go.set()
        await closes(ws)
    await until(lambda: not server.eio.sockets)
    assert live.signalling.connections == 0
