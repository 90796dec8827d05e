"""Floods before and after signing in end their own connection, with a reason; slower ones are only refused."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType

from mediaserver.gauges import Gauges
from tests.rooms.fakes import until
from tests.scenarios.wire import connect_refusal
from tests.signalling.conftest import Live

PATH = "/socket.io/?EIO=4&transport="
SMALL = {"signalling.event_burst": "20", "signalling.user_event_burst": "40"}


async def close_code(ws: aiohttp.ClientWebSocketResponse) -> tuple[int | None, list[str]]:
    """Wait for the end; the close code and what was said before."""
    said: list[str] = []
    async with asyncio.timeout(5):
        while (message := await ws.receive()).type is WSMsgType.TEXT:
            said.append(message.data)
    return ws.close_code, said


# ------------------------------------------------------------------- before signing in


@pytest.mark.parametrize("fragments", [1, 3])
async def test_a_large_message_before_signing_in_ends_the_connection(live: Live, fragments: int) -> None:
    server = live.signalling.audience.server
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{live.url}{PATH}websocket") as ws:
        assert ws._writer is not None
        transport = ws._writer.transport
        for number in range(fragments):
            opcode = (0x1 if number == 0 else 0x0) | (0x80 if number == fragments - 1 else 0)
            transport.write(bytes((opcode, 0xFE)) + (8193 // fragments + 1).to_bytes(2, "big") + b"mask")
            if number < fragments - 1:
                transport.write(b"x" * (8193 // fragments + 1))
        # Only the last header has been sent, not the payload: nothing is buffered first.
        assert (await close_code(ws))[0] == 1009
    assert server.connections.abuses == {"too_large": 1}
    await until(lambda: not server.eio.sockets)


@pytest.mark.parametrize(
    "flood",
    [
        b"\x89\x80mask" * 500,
        b"\x8a\x80mask" * 500,
        b"\x01\x80mask" + b"\x00\x80mask" * 500,
        b"\x81\x81\0\0\0\0003" * 500,
    ],
    ids=["pings", "pongs", "empty fragments", "Engine.IO pongs"],
)
async def test_many_frames_before_signing_in_end_the_connection(live: Live, flood: bytes) -> None:
    server = live.signalling.audience.server
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{live.url}{PATH}websocket") as ws:
        assert ws._writer is not None
        ws._writer.transport.write(flood)
        assert (await close_code(ws))[0] == 1008
    assert server.connections.abuses == {"flood": 1}
    await until(lambda: not server.eio.sockets)


async def test_polling_bodies_are_bounded_before_signing_in(live: Live) -> None:
    server = live.signalling.audience.server
    async with aiohttp.ClientSession() as http:

        async def opened() -> str:
            async with http.get(f"{live.url}{PATH}polling") as answer:
                sid: str = json.loads((await answer.text())[1:])["sid"]
                return f"{live.url}{PATH}polling&sid={sid}"

        async def post(url: str, **options: Any) -> int:
            async with http.post(url, **options) as answer:
                return answer.status

        assert await post(await opened(), data=b"4" + b"x" * 9000) == 413
        assert await post(await opened(), data=b"\x1e".join([b"6"] * 65)) == 400
        assert await post(await opened(), data=b"\x1e".join([b"3"] * 40)) == 429
        assert await post(await opened(), data=b"nonsense") == 400
        assert await post(await opened(), data=b"4" + b"[" * 8000) == 400
        assert await post(await opened(), data=b"2" + b"[" * 8000) == 400
        assert await post(await opened(), data=b"4\xff") == 400
        assert await post(await opened(), data=b"x" * 10, headers={"Content-Encoding": "gzip"}) == 415
        assert await post(await opened(), data=b"3") == 200
    await until(lambda: len(server.eio.sockets) == 2)  # the last two
    assert server.connections.abuses == {"too_large": 1, "flood": 1}


@pytest.mark.parametrize("packet", ["4" + "[" * 5000, "2" + "[" * 5000, "4", "", "²", "b4"])
async def test_what_is_no_packet_ends_the_connection_without_a_trace(
    live: Live, packet: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = live.signalling.audience.server
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{live.url}{PATH}websocket") as ws:
        await ws.send_str(packet)
        await close_code(ws)
    await until(lambda: not server.eio.sockets and not server.eio._pings)
    assert not [record for record in caplog.records if record.exc_info]


async def test_an_upgrade_happens_once_at_a_time(live: Live) -> None:
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{live.url}{PATH}polling") as answer:
            sid = json.loads((await answer.text())[1:])["sid"]
        upgrade = f"{live.url}{PATH}websocket&sid={sid}"
        async with http.ws_connect(upgrade) as half_open:
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await http.ws_connect(upgrade)
            await half_open.send_str("2probe")
            assert await half_open.receive_str() == "3probe"


# ------------------------------------------------------------------- after signing in


@pytest.mark.parametrize("overrides", [SMALL])
async def test_events_beyond_the_budget_are_refused_until_it_recovers(live: Live) -> None:
    mia = await live.connected("mia")
    answers = [(await mia.ask("session.leave"))["error"] for _ in range(12)]
    assert {answer["code"] for answer in answers} == {"not_in_session", "too_many"}
    wait = next(answer["retryAfter"] for answer in answers if answer["code"] == "too_many")
    assert 0.1 <= wait <= 1
    assert live.signalling.refused["too_many"] >= 1
    await until(lambda: mia.socket.connected)


@pytest.mark.parametrize("overrides", [SMALL])
async def test_a_flood_ends_the_connection_and_says_why(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    server = live.signalling.audience.server
    for _ in range(200):
        await mia.socket.emit("chat.typing", {})
    assert (await mia.hears("session.closing"))["reason"] == "flood"
    await until(lambda: live.signalling.connections == 1)
    assert server.connections.abuses["flood"] == 1
    assert (await ben.ask("session.leave"))["error"]["code"] == "not_in_session"


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides", [{**SMALL, "signalling.user_event_burst": "60", "signalling.user_events_per_s": "0.01"}]
)
async def test_connecting_again_does_not_reset_the_users_budget(live: Live) -> None:
    mia = await live.user("mia")
    for _ in range(2):  # each spends 40 of the user's 60
        twin = await live.again(mia).connect()
        for _ in range(200):
            await twin.socket.emit("chat.typing", {})
        await until(lambda: live.signalling.connections == 0)
    async with aiohttp.ClientSession() as http:
        assert await connect_refusal(http, live.url, mia.token) == "too_many"


@pytest.mark.parametrize("overrides", [SMALL])
async def test_a_flood_over_polling_ends_with_a_reason_too(live: Live) -> None:
    mia = await (await live.user("mia")).connect(transports=["polling"])
    for number in range(100):
        await mia.socket.emit("chat.typing", {})
        if number % 30 == 29:  # more than 64 in one request would be refused for that alone
            await asyncio.sleep(0.1)
    assert (await mia.hears("session.closing"))["reason"] == "flood"
    await until(lambda: live.signalling.connections == 0)
    await until(lambda: not live.signalling.audience.server.eio.sockets)


@pytest.mark.parametrize("overrides", [{"signalling.user_event_burst": "30"}])
async def test_all_connections_of_a_user_share_one_budget(live: Live) -> None:
    mia = await live.connected("mia")
    twin = await live.again(mia).connect()
    for _ in range(25):
        await twin.ask("session.leave")
    answers = [(await mia.ask("session.leave"))["error"]["code"] for _ in range(15)]
    assert "too_many" in answers


async def test_a_large_message_of_a_user_ends_the_connection_and_says_why(live: Live) -> None:
    mia = await live.connected("mia")
    await mia.socket.emit("chat.send", {"content": "x" * (520 << 10)})
    assert (await mia.hears("session.closing"))["reason"] == "too_large"
    await until(lambda: live.signalling.connections == 0)


async def test_an_event_of_the_largest_size_is_heard(live: Live) -> None:
    mia = await live.connected("mia")
    refused = await mia.ask("chat.send", {"content": "x" * (500 << 10)})
    assert refused["error"]["code"] == "invalid"


# ------------------------------------------------------------------- chat


async def test_chat_has_a_limit_of_its_own(live: Live) -> None:
    mia = await live.connected("mia")
    await mia.join(await live.session(mia))

    async def say(number: int) -> Any:
        return await mia.ask("chat.send", {"clientId": f"c{number}", "contentType": "Text", "content": "x"})

    answers = [await say(number) for number in range(40)]
    refused = [answer["error"] for answer in answers if not answer["ok"]]
    assert 20 <= sum(answer["ok"] for answer in answers) < 40
    assert {error["code"] for error in refused} == {"too_many"}
    assert all(0 < error["retryAfter"] <= 0.3 for error in refused)
    assert (await mia.ask("participant.update", {"handRaised": True}))["ok"]  # other events go on
    await asyncio.sleep(refused[-1]["retryAfter"] + 0.1)
    assert (await say(41))["ok"]


@pytest.mark.parametrize("overrides", [{"signalling.message_burst": "3", "signalling.typing_burst": "2"}])
async def test_private_messages_and_typing_have_limits(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.user("ben")
    await mia.join(await live.session(mia))
    letter = {"receiverUserId": ben.actor.user_id, "contentType": "Text", "content": {"text": "hello"}}
    answers = [await mia.ask("message.send", {**letter, "clientId": f"c{n}", "content": "x"}) for n in range(6)]
    assert [answer["ok"] for answer in answers[:3]] == [True] * 3
    assert "too_many" in {answer.get("error", {}).get("code") for answer in answers[3:]}
    typed = [await mia.ask("chat.typing") for _ in range(4)]
    assert typed[0]["ok"] and typed[-1]["error"]["code"] == "too_many"


# ------------------------------------------------------------------- metrics


@pytest.mark.parametrize("overrides", [{**SMALL, "signalling.max_pending_connections": "2"}])
async def test_the_metrics_count_evictions_floods_and_refusals(live: Live) -> None:
    mia = await live.connected("mia")
    async with aiohttp.ClientSession() as http:
        for _ in range(5):
            async with http.get(f"{live.url}{PATH}polling") as answer:
                assert answer.status == 200
    await mia.ask("session.leave")
    for _ in range(200):
        await mia.socket.emit("chat.typing", {})
    await until(lambda: live.signalling.connections == 0)
    gauges = Gauges(live.rooms, live.signalling, live.workers, None, None)  # type: ignore[arg-type]
    samples = {
        (sample.name, sample.labels.get("reason")): sample.value
        for metric in gauges._of_limits()
        for sample in metric.samples
    }
    assert samples["mediaserver_sockets_evicted_total", None] == 3
    assert samples["mediaserver_sockets_abusive_total", "flood"] == 1
    assert samples["mediaserver_events_refused_total", "not_in_session"] >= 1
    assert samples["mediaserver_sockets_pending", None] == 2
