"""Deadlines and limits of connections, with real sockets and short times."""

import asyncio
import socket
import time
from pathlib import Path

import pytest
from aiohttp import web

from mediaserver.base.net.tls import ServerTls, ensure_self_signed
from mediaserver.base.settings.tree import Http
from mediaserver.http import connection
from mediaserver.http.server import WebServer
from tests.base.scarcity import no_descriptors_left
from tests.http.conftest import Serving, closed, on_uvloop

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def _post(size: int, path: bytes = b"/") -> bytes:
    return b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: " + str(size).encode() + b"\r\n\r\n"


async def _trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bytes:
    """Send `data` twenty times a second until the server has had enough; return what it answered."""
    ended = asyncio.create_task(closed(reader))
    while not ended.done():
        if not writer.transport.is_closing():
            writer.write(data)
        await asyncio.wait([ended], timeout=0.05)
    return await ended


def test_aiohttp_is_as_expected() -> None:
    connection.self_test()


@on_uvloop
async def test_half_a_head_is_answered_with_408_and_closed(serving: Serving) -> None:
    async with serving(header_timeout_s=0.2) as served:
        answer = await served.ask(b"GET / HTTP/1.1\r\nHost:")
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert len(served.server.guard.table) == 0


@on_uvloop
async def test_a_head_that_trickles_has_no_more_time(serving: Serving) -> None:
    async with serving(header_timeout_s=0.5) as served:
        reader, writer = await served.connect()
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        ended = await _trickle(reader, writer, b"x")
        # What was under way when the server closed the connection may have cost the answer.
        assert ended[:13] in (b"HTTP/1.1 408 ", b"")
        assert len(served.server.guard.table) == 0


@on_uvloop
async def test_a_connection_that_sends_nothing_is_closed_without_a_word(serving: Serving) -> None:
    async with serving(header_timeout_s=0.2) as served:
        assert await served.ask(b"") == b""


@on_uvloop
async def test_the_deadline_holds_for_later_requests_too(serving: Serving) -> None:
    async with serving(header_timeout_s=0.2) as served:
        reader, writer = await served.connect()
        writer.write(GET)
        await reader.readuntil(b"0 bytes")
        writer.write(b"GET / HT")
        assert (await closed(reader)).startswith(b"HTTP/1.1 408 ")


@on_uvloop
async def test_an_idle_connection_is_closed(serving: Serving) -> None:
    async with serving(idle_timeout_s=0.3) as served:
        reader, writer = await served.connect()
        writer.write(GET)
        assert (await closed(reader)).endswith(b"0 bytes")


@on_uvloop
async def test_a_head_without_end_is_refused(serving: Serving) -> None:
    async with serving() as served:
        head = b"".join(b"X-%d: %b\r\n" % (number, b"y" * 1000) for number in range(100))
        answer = await served.ask(b"GET / HTTP/1.1\r\n" + head)
        assert answer[:13] in (b"HTTP/1.1 431 ", b"")
        assert len(served.server.guard.table) == 0


@on_uvloop
async def test_a_body_that_stops_gets_408(serving: Serving) -> None:
    async with serving(body_patience_s=0.3, body_min_bytes_per_s=1000) as served:
        answer = await served.ask(_post(1000) + b"x" * 999)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"too_slow" in answer and b"Connection: close" in answer


@pytest.mark.slow
@on_uvloop
async def test_a_handler_that_streams_decides_itself_how_slowly_a_body_may_come(serving: Serving) -> None:
    """And only for its own request: the next one on the same connection gets 408."""
    async with serving(body_patience_s=0.3, body_min_bytes_per_s=1000) as served:
        reader, writer = await served.connect()
        writer.write(_post(10).replace(b"POST / ", b"POST /file ") + b"x" * 9)
        await asyncio.sleep(2)
        writer.write(b"x")
        assert (await reader.readuntil(b"10 bytes")).startswith(b"HTTP/1.1 200 ")
        writer.write(_post(10) + b"x" * 9)
        assert b"HTTP/1.1 408 " in await closed(reader)


@pytest.mark.slow
@on_uvloop
async def test_a_slow_body_above_the_rate_is_taken(serving: Serving) -> None:
    """For several times the patience, at twice the rate."""
    async with serving(body_patience_s=0.4, body_min_bytes_per_s=500) as served:
        reader, writer = await served.connect()
        writer.write(_post(3000))
        for _ in range(30):
            writer.write(b"x" * 100)
            await asyncio.sleep(0.1)
        assert (await reader.readuntil(b"3000 bytes")).startswith(b"HTTP/1.1 200 ")


@on_uvloop
async def test_a_trickling_body_gets_408(serving: Serving) -> None:
    async with serving(body_patience_s=0.4, body_min_bytes_per_s=5000) as served:
        reader, writer = await served.connect()
        writer.write(_post(1_000_000))
        ended = await _trickle(reader, writer, b"x" * 10)
        assert ended[:13] in (b"HTTP/1.1 408 ", b"")


@on_uvloop
async def test_memory_of_unknown_senders_is_bounded(serving: Serving) -> None:
    """Bodies that never end: the address that holds most loses its connections, the other one is served."""
    async with serving(max_unauthenticated_bytes=1 << 20) as served:
        strangers = served.server.guard.strangers
        honest, honest_writer = await served.connect("127.0.0.2")
        honest_writer.write(_post(1000) + b"x" * 500)
        for _ in range(20):
            _, writer = await served.connect()
            writer.write(_post(200_000) + b"x" * 150_000)
        async with asyncio.timeout(10):
            while not strangers.dropped:
                await asyncio.sleep(0.01)
        honest_writer.write(b"x" * 500)
        assert b"1000 bytes" in await honest.readuntil(b"bytes")
        assert strangers.total <= 1 << 20


@on_uvloop
async def test_memory_is_free_again_after_the_answer(serving: Serving) -> None:
    async with serving() as served:
        guard = served.server.guard
        reader, writer = await served.connect()
        for path, budget in ((b"/", guard.strangers), (b"/mine", guard.users)):
            writer.write(_post(50_000, path) + b"x" * 49_999)
            async with asyncio.timeout(10):
                while budget.total < 49_999:
                    await asyncio.sleep(0.01)
            writer.write(b"x")
            await reader.readuntil(b"50000 bytes")
            async with asyncio.timeout(10):
                while guard.strangers.total or guard.users.total:
                    await asyncio.sleep(0.01)


@on_uvloop
async def test_requests_sent_ahead_are_all_answered_and_then_forgotten(serving: Serving) -> None:
    async with serving() as served:
        reader, writer = await served.connect()
        writer.write(GET * 100)
        for _ in range(100):
            await reader.readuntil(b"0 bytes")
        async with asyncio.timeout(10):
            while served.server.guard.strangers.total:
                await asyncio.sleep(0.01)


@on_uvloop
async def test_an_address_at_its_limit_makes_room_for_its_own_next_connection(serving: Serving) -> None:
    async with serving(max_connections_per_address=3) as served:
        readers = [(await served.connect())[0] for _ in range(3)]
        other, other_writer = await served.connect("127.0.0.2")
        answer = await served.ask(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert await closed(readers[0]) == b""
        other_writer.write(GET)
        await other.readuntil(b"0 bytes")


@on_uvloop
async def test_requests_in_progress_are_not_closed_for_new_connections(serving: Serving) -> None:
    async with serving(max_connections_per_address=1) as served:
        reader, writer = await served.connect()
        writer.write(b"GET /late HTTP/1.1\r\nHost: x\r\n\r\n")
        table = served.server.guard.table
        async with asyncio.timeout(10):
            while not len(table) or table.oldest() is not None:
                await asyncio.sleep(0.01)
        assert await served.ask(b"") == b""
        assert table.closed["address_limit"] == 1
        await reader.readuntil(b"late")


@on_uvloop
async def test_a_trusted_proxy_has_no_limit_of_connections(serving: Serving) -> None:
    async with serving(max_connections_per_address=1, trusted_proxies=("127.0.0.1",)) as served:
        pairs = [await served.connect() for _ in range(5)]
        for reader, writer in pairs:
            writer.write(GET)
            await reader.readuntil(b"0 bytes")


@on_uvloop
async def test_few_descriptors_lower_the_limits(serving: Serving) -> None:
    async with serving(descriptors=1024) as served:
        assert (served.server.guard.table.total, served.server.guard.table.per_network) == (384, 192)


@pytest.mark.slow
@on_uvloop
async def test_a_client_that_reads_nothing_loses_its_connection(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_UNSENT_S", 0.2)
    async with serving() as served:
        _, writer = await served.connect()
        writer.transport.pause_reading()
        async with asyncio.timeout(20):
            while len(served.server.guard.table):
                writer.write(GET * 1000)
                await asyncio.sleep(0.01)


@on_uvloop
async def test_a_tls_handshake_counts_and_gives_way(tmp_path: Path) -> None:
    """Connections that never begin their handshake hold a place only until others need it."""
    tls = ServerTls(*ensure_self_signed(tmp_path)).context
    server = WebServer(web.Application(), Http(port=0, max_connections_per_address=2), 65_536, tls)
    port = await server.open()
    try:
        first, writer = await asyncio.open_connection("127.0.0.1", port)
        others = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        began = time.monotonic()
        assert await closed(first) == b""
        assert time.monotonic() - began < 5, "not only by the handshake's own deadline"
        assert len(server.guard.table) == 2
        for _, other in [(first, writer), *others]:
            other.close()
    finally:
        await server.close()


@on_uvloop
async def test_accepting_goes_on_when_descriptors_run_out(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    """The oldest connection that waits for a request gives its descriptor to the next client."""
    loop = asyncio.get_running_loop()
    async with serving() as served:
        waiting, _ = await served.connect()
        async with asyncio.timeout(10):
            while not len(served.server.guard.table):
                await asyncio.sleep(0.01)
        with socket.socket() as client:
            client.setblocking(False)
            with no_descriptors_left():
                await loop.sock_connect(client, ("127.0.0.1", served.port))
                await loop.sock_sendall(client, GET)
                async with asyncio.timeout(10):
                    assert (await loop.sock_recv(client, 1000)).startswith(b"HTTP/1.1 200 ")
        assert await closed(waiting) == b""
        assert "connections cannot be accepted" in caplog.text
