"""What is too much, too long, too often or not one's to do is refused with a clear code."""

from collections.abc import AsyncIterator

import aiohttp
import jwt
import pytest
import pytest_asyncio
from aiortc import RTCCertificate

from mediaserver.loadtest.bot import Bot
from tests.e2e.server import Person, Server, wait_until
from tests.scenarios.room import Room, refusal, say
from tests.scenarios.wire import connect_refusal

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def strict(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """Small limits, behind a proxy at this address, so that each scenario comes from an address of its own."""
    settings = {
        "rooms.capacity": "2", "auth.attempts_before_delay": "3", "auth.registrations_per_hour": "4",
        "http.max_connections_per_user": "3", "http.trusted_proxies": "127.0.0.1", "auth.access_ttl_s": "2",
    }  # fmt: skip
    async with Server.running(tmp_path_factory.mktemp("strict"), settings) as running:
        yield running


def from_address(address: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers={"X-Forwarded-For": address})


async def test_a_full_room(strict: Server, certificate: RTCCertificate) -> None:
    async with from_address("203.0.113.1") as http:
        room = Room(http, certificate)
        await room.open(strict.url)
        guest = await room.enter()
        third = await room.person()
        assert "room_full" in await refusal(third.join("video", room.session_id))
        await guest.call("session.leave", {})
        await third.call("session.join", {"kind": "video", "sessionId": room.session_id})
        await room.close()


async def test_guessing_passwords(strict: Server) -> None:
    async with from_address("203.0.113.2") as http:
        person = await Person.register(http, strict.url, "guessed")
        login = f"{strict.url}/api/v1/auth/login"
        statuses = []
        for number in range(5):
            async with http.post(login, json={"login": "guessed", "password": f"guess-{number}"}) as answer:
                statuses.append(answer.status)
                body = await answer.json()
        assert statuses == [401, 401, 401, 429, 429]
        assert body["code"] == "too_many" and 1 <= int(answer.headers["Retry-After"]) <= 60
        # The right password is refused here as well; elsewhere nobody is affected.
        right = {"login": "guessed", "password": "guessed-password"}
        async with http.post(login, json=right) as answer:
            assert answer.status == 429
        async with http.post(login, json=right, headers={"X-Forwarded-For": "203.0.113.3"}) as answer:
            assert answer.status == 200
        assert (await person.get("/auth/me"))["username"] == "guessed"


async def test_many_accounts_from_one_address(strict: Server) -> None:
    async with from_address("203.0.113.4") as http:
        for number in range(4):
            await Person.register(http, strict.url, f"serial-{number}")
        body = {"username": "serial-4", "email": "serial-4@example.org", "password": "serial-4-password"}
        async with http.post(f"{strict.url}/api/v1/auth/register", json=body) as answer:
            assert answer.status == 429 and int(answer.headers["Retry-After"]) > 60
        # An address that the client itself put before the proxy's does not count.
        forged = {"X-Forwarded-For": "198.51.100.9, 203.0.113.4"}
        async with http.post(f"{strict.url}/api/v1/auth/register", json=body, headers=forged) as answer:
            assert answer.status == 429
    async with from_address("203.0.113.5") as http:
        await Person.register(http, strict.url, "serial-4")


async def test_many_connections_of_one_person(strict: Server) -> None:
    async with from_address("203.0.113.6") as http:
        first = Bot(http, strict.url, "manifold")
        await first.sign_in()
        bots = [first, *(Bot(http, strict.url, "manifold") for _ in range(3))]
        for bot in bots:
            bot.token = first.token
        for bot in bots[:3]:
            await bot.socket.connect(strict.url, auth={"token": bot.token}, transports=["websocket"])
        assert await connect_refusal(http, strict.url, first.token) == "too_many_connections"
        await bots[0].close()
        await bots[3].socket.connect(strict.url, auth={"token": first.token}, transports=["websocket"])
        for bot in bots:
            await bot.close()


async def test_tokens_expire_and_cannot_be_made(strict: Server) -> None:
    async with from_address("203.0.113.7") as http:
        person = await Person.register(http, strict.url, "fleeting")
        claims = jwt.decode(person.token, options={"verify_signature": False})
        forged = jwt.encode({**claims, "exp": claims["exp"] + 9999}, "x" * 32, algorithm="HS256")
        unsigned = jwt.encode({**claims, "exp": claims["exp"] + 9999}, "", algorithm="none")
        for token in (forged, unsigned, "", "x.y.z", person.refresh_token, person.token + "x"):
            headers = {"Authorization": f"Bearer {token}"}
            async with http.get(f"{strict.url}/api/v1/auth/me", headers=headers) as answer:
                assert answer.status == 401 and answer.headers["WWW-Authenticate"]
            assert await connect_refusal(http, strict.url, token) == "unauthenticated"

        async def expired() -> bool:
            return (await person.request("GET", "/auth/me"))[0] == 401

        await wait_until(expired, 5, "the token is over")


async def test_long_things(server: Server, room: Room) -> None:
    moderator = await room.open(server.url)
    await say(moderator, "x" * 4000)
    assert "content" in await refusal(say(moderator, "x" * 4001))
    assert "content" in await refusal(say(moderator, ""))
    assert "clientId" in await refusal(say(moderator, "x", "c" * 1000))
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {moderator.token}"}) as http:
        body = {"title": "t" * 100_000, "description": 1}
        async with http.post(f"{server.url}/api/v1/video-sessions", json=body) as answer:
            refused = await answer.json()
            assert answer.status == 422
            assert {error["loc"] for error in refused["errors"]} == {"title", "description"}


async def test_what_only_moderators_may(server: Server, room: Room) -> None:
    moderator = await room.open(server.url)
    guest = await room.enter()
    assert "forbidden" in await refusal(guest.call("recording.start", {}))
    assert "forbidden" in await refusal(guest.call("session.end", {}))
    act = {"participantId": moderator.participant_id, "action": "remove"}
    assert "forbidden" in await refusal(guest.call("participant.moderate", act))
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {guest.token}"}) as http:
        session = f"{server.url}/api/v1/video-sessions/{room.session_id}"
        for method, url in (("POST", f"{session}/end"), ("POST", f"{session}/start"), ("DELETE", session)):
            async with http.request(method, url) as answer:
                assert answer.status == 403, await answer.text()
        async with http.patch(session, json={"title": "Mine"}) as answer:
            assert answer.status == 403
    assert "not_found" in await refusal(
        moderator.call("session.join", {"kind": "live", "sessionId": room.session_id})
    )


async def test_too_little_disk_to_record(
    http: aiohttp.ClientSession, certificate: RTCCertificate, tmp_path_factory: pytest.TempPathFactory
) -> None:
    few = {"recording.min_free_bytes": str(1 << 60)}
    async with Server.running(tmp_path_factory.mktemp("few"), few) as running:
        room = Room(http, certificate)
        moderator = await room.open(running.url)
        refused = await refusal(moderator.call("recording.start", {}))
        assert "recording_unavailable" in refused and "disk" in refused
        await say(moderator, "the session goes on")
        await room.close()
