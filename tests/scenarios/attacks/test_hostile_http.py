"""HTTP requests that break the rules get a clear refusal; no one else notices."""

import asyncio
import contextlib
import io
import ssl
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from mediaserver.loadtest.bot import Bot
from tests.e2e.server import Person, Server
from tests.scenarios.wire import raw_http

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

FRIEND, STRANGER = "https://friend.example", "https://stranger.example"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def open_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """HTTPS with a certificate of its own, and one foreign origin let in."""
    settings = {"tls.self_signed": "true", "http.allowed_origins": FRIEND, "auth.registrations_per_hour": "3"}
    async with Server.running(tmp_path_factory.mktemp("open"), settings) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def https(open_server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    """Trusts just the server's own certificate."""
    trusting = ssl.create_default_context(cafile=str(open_server.data / "tls" / "self-signed.pem"))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session:
        yield session


async def test_bodies_that_are_too_large(server: Server, http: aiohttp.ClientSession) -> None:
    async with http.post(
        f"{server.url}/api/v1/auth/login",
        data=io.BytesIO(b" " * (3 << 20)),
        headers={"Content-Type": "application/json"},
    ) as answer:
        assert answer.status == 413
        assert (await answer.json())["code"] == "too_large"


async def test_bodies_that_are_no_json(server: Server, http: aiohttp.ClientSession) -> None:
    url, headers = f"{server.url}/api/v1/auth/login", {"Content-Type": "application/json"}
    for body in (b"", b"{", b"\xff\xfe", b"[" * 8000, b'{"login": NaN}'):
        async with http.post(url, data=body, headers=headers) as answer:
            assert answer.status == 400, body[:20]
            assert answer.content_type == "application/problem+json"
            assert (await answer.json())["code"] == "malformed"
    for body in (b"[]", b"null", b'"text"', b'{"a": ' + b"9" * 5000 + b"}"):
        async with http.post(url, data=body, headers=headers) as answer:
            assert answer.status == 422, body
    async with http.post(url, data=b"login=x", headers={"Content-Type": "text/plain"}) as answer:
        assert answer.status == 415
    async with http.post(url, data=b'{"login": "a\\ud800", "password": "b\\u0000"}', headers=headers) as answer:
        assert answer.status in (400, 401, 422), await answer.text()


async def test_wrong_methods_and_paths(server: Server, http: aiohttp.ClientSession) -> None:
    async with http.delete(f"{server.url}/api/v1/auth/login") as answer:
        assert answer.status == 405 and "POST" in answer.headers["Allow"]
        assert answer.content_type == "application/problem+json"
    for path in (
        "/api/v1/nothing",
        "/api/v2/auth/me",
        "/api/v1/users/..%2f..",
        "/files/",
        "/%00",
        "/api/v1/users/%ff",
    ):
        async with http.get(f"{server.url}{path}") as answer:
            assert answer.status in (400, 401, 404), path
            assert "Traceback" not in await answer.text()


async def test_no_way_out_of_the_directories(server: Server) -> None:
    key = (server.data / "secrets" / "jwt.key").read_bytes()
    ways = ("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "....//", "%252e%252e/", "//", "/etc/passwd?")
    for root in ("/web/", "/files/", "/files/uploads/", "/api/v1/uploads/"):
        for way in ways:
            for target in ("app.py", "base/settings/tree.py", "secrets/jwt.key", "etc/passwd"):
                path = f"{root}{way * 8}{target}".encode()
                answer = await raw_http(
                    "127.0.0.1", server.port,
                    b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                )  # fmt: skip
                status = answer.split(b" ", 2)[1]
                assert status in (b"400", b"401", b"403", b"404"), (path, answer[:200])
                assert key not in answer and b"root:" not in answer


async def test_bytes_that_are_no_http(server: Server, http: aiohttp.ClientSession) -> None:
    for garbage in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\r\n" * 1000,
    ):
        answer = await raw_http("127.0.0.1", server.port, garbage, 2)
        assert not answer or answer.startswith(b"HTTP/1.1 4") or answer.startswith(b"HTTP/1.0 4"), answer[:200]
        assert b"Traceback" not in answer and b".py" not in answer
    async with http.get(f"{server.url}/healthz") as fine:
        assert fine.status == 200
    assert not [line for line in server.log if "Error handling request" in line], "nobody fills our log"


async def test_many_requests_that_never_end(server: Server, http: aiohttp.ClientSession) -> None:
    """Half a request on each of many connections holds up nobody else."""
    half: list[asyncio.StreamWriter] = []
    try:
        for number in range(300):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            half.append(writer)
            head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            writer.write(head + (b"Content-Length: 100\r\n\r\n{" if number % 2 else b"X-Slow: "))
        loop = asyncio.get_running_loop()
        for _ in range(20):
            began = loop.time()
            async with http.get(f"{server.url}/healthz") as answer:
                assert answer.status == 200
            assert loop.time() - began < 1
    finally:
        for writer in half:
            writer.close()
        for writer in half:
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def test_rest_and_socketio_let_in_the_same_origins(
    open_server: Server, https: aiohttp.ClientSession
) -> None:
    own = open_server.url
    handshake = f"{own}/socket.io/?EIO=4&transport=polling"
    for origin, fits in ((FRIEND, True), (STRANGER, False), ("null", False), (f"{FRIEND}.evil.example", False)):
        headers = {"Origin": origin}
        async with https.get(f"{own}/api/v1/openapi.json", headers=headers) as answer:
            assert answer.headers.get("Access-Control-Allow-Origin") == (origin if fits else None)
        asking = {**headers, "Access-Control-Request-Method": "PATCH"}
        async with https.options(f"{own}/api/v1/auth/me", headers=asking) as answer:
            assert answer.status == (204 if fits else 403)
        async with https.get(handshake, headers=headers) as answer:
            assert answer.status == (200 if fits else 400)
            assert answer.headers.get("Access-Control-Allow-Origin") == (origin if fits else None)
        if not fits:
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await https.ws_connect(handshake.replace("polling", "websocket"), headers=headers)
    for headers in ({"Origin": own}, {}):
        async with https.get(handshake, headers=headers) as answer:
            assert answer.status == 200, headers


async def test_https_with_a_certificate_of_our_own(
    open_server: Server, https: aiohttp.ClientSession, http: aiohttp.ClientSession
) -> None:
    assert open_server.url.startswith("https://")
    async with https.get(open_server.url) as page:
        assert page.status == 200 and "<html" in (await page.text()).lower()
        assert "Content-Security-Policy" in page.headers
    person = await Person.register(https, open_server.url, "secure")
    bot = Bot(https, open_server.url, "secure")
    bot.token = person.token
    session = await bot.create_session("video", "Behind TLS")
    await bot.join("video", session)
    assert bot.participant_id
    await bot.close()
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await http.get(open_server.url)
    plain = await raw_http("127.0.0.1", open_server.port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 2)
    assert b"200" not in plain


async def test_addresses_are_not_believed_without_a_proxy(
    open_server: Server, https: aiohttp.ClientSession
) -> None:
    """All requests count as the peer's own, whatever they say."""
    statuses = []
    for number in range(4):
        body = {"username": f"n-{number}", "email": f"n-{number}@example.org", "password": "long-enough-word"}
        headers = {"X-Forwarded-For": f"203.0.113.{number}"}
        register = f"{open_server.url}/api/v1/auth/register"
        async with https.post(register, json=body, headers=headers) as answer:
            statuses.append(answer.status)
    assert statuses[-1] == 429, statuses
