"""What ends a login is over within a second, also when the command line does it beside a running server."""

import asyncio
import sys
import time

import aiohttp
import pytest

from mediaserver.loadtest.account import Refused
from mediaserver.loadtest.bot import Bot
from tests.e2e.server import Person, Server, wait_until
from tests.scenarios.room import Room, events, refusal

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

PASSWORD = "loadtest-password"


async def command(server: Server, *words: str, stdin: str = "") -> str:
    """What a command says that works on the server's data."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mediaserver", *words, "--data.dir", str(server.data),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 30)
    assert process.returncode == 0, err.decode()
    return out.decode().strip()


async def out_within_a_second(bot: Bot, reason: str) -> None:
    begin = time.monotonic()
    await wait_until(lambda: not bot.socket.connected, 5, f"{bot.name} is out")
    assert time.monotonic() - begin < 1
    assert events(bot, "session.replaced")[0] == {"reason": reason}


async def status_of(http: aiohttp.ClientSession, server: Server, bot: Bot) -> int:
    headers = {"Authorization": f"Bearer {bot.token}"}
    async with http.get(f"{server.url}/api/v1/auth/me", headers=headers) as answer:
        return answer.status


async def test_a_deactivated_person_is_neither_seen_nor_heard(
    server: Server, room: Room, http: aiohttp.ClientSession
) -> None:
    moderator = await room.open(server.url)
    guest = await room.enter()
    await room.publish(moderator)
    await room.publish(guest, 1, video=False)
    await room.watch(moderator, guest)
    assert await command(server, "deactivate", guest.name) == (
        f"{guest.name} is deactivated and signed out everywhere"
    )
    await out_within_a_second(guest, "deactivated")
    await wait_until(lambda: events(moderator, "participant.left"), 1, "they have left the room")
    before = {ssrc: one.packets for ssrc, one in moderator.received.items()}
    await asyncio.sleep(0.5)
    assert {ssrc: one.packets for ssrc, one in moderator.received.items()} == before, "the guest still sends"
    assert await status_of(http, server, guest) == 401
    assert await status_of(http, server, moderator) == 200 and moderator.socket.connected
    again = Bot(http, server.url, guest.name)
    assert "deactivated" in await refusal(again.sign_in())
    assert await command(server, "activate", guest.name) == f"{guest.name} is active again"
    await again.sign_in()


async def test_signing_somebody_out_and_giving_them_a_password(
    server: Server, room: Room, http: aiohttp.ClientSession
) -> None:
    await room.open(server.url)
    guest = await room.enter()
    assert await command(server, "sign-out", guest.name) == f"{guest.name} is signed out everywhere"
    await out_within_a_second(guest, "login_revoked")
    assert await status_of(http, server, guest) == 401

    again = await room.person(name=guest.name)
    await again.join("video", room.session_id)
    said = await command(server, "reset-password", guest.name, stdin="another password\n")
    assert said == f"{guest.name} has a new password and is signed out everywhere"
    await out_within_a_second(again, "login_revoked")
    with pytest.raises(Refused, match="wrong_login"):
        await Bot(http, server.url, guest.name).sign_in()
    await Bot(http, server.url, guest.name).sign_in("another password")
    (letter,) = (server.data / "outbox").glob("*.eml")
    assert f"To: {guest.name}@loadtest.invalid" in letter.read_text()


async def test_a_stolen_refresh_token_ends_the_login_that_it_was_stolen_from(
    server: Server, room: Room, http: aiohttp.ClientSession
) -> None:
    await room.open(server.url)
    victim = await Person.register(http, server.url, "victim")
    laptop, phone = [await _device(room, server, http) for _ in range(2)]
    (bot, stolen), (other, _) = laptop, phone
    await bot.join("video", room.session_id)
    await other.socket.connect(server.url, auth={"token": other.token}, transports=["websocket"])

    async def refresh(token: str) -> tuple[int, dict[str, str]]:
        async with http.post(f"{server.url}/api/v1/auth/refresh", json={"refreshToken": token}) as answer:
            return answer.status, await answer.json()

    thief = (await refresh(stolen))[1]["refreshToken"]
    assert (await refresh(thief))[0] == 200 and bot.socket.connected
    status, body = await refresh(stolen)
    assert (status, body["code"]) == (401, "refresh_token_reused")
    await out_within_a_second(bot, "login_revoked")
    assert await status_of(http, server, bot) == 401
    assert await status_of(http, server, other) == 200 and other.socket.connected
    assert (await victim.request("GET", "/auth/me"))[0] == 200


async def _device(room: Room, server: Server, http: aiohttp.ClientSession) -> tuple[Bot, str]:
    """The victim signs in once more; and the refresh token."""
    body = {"login": "victim", "password": "victim-password"}
    async with http.post(f"{server.url}/api/v1/auth/login", json=body) as answer:
        signed_in = await answer.json()
    bot = Bot(http, server.url, "victim")
    bot.token = signed_in["accessToken"]
    room.bots.append(bot)
    return bot, signed_in["refreshToken"]


async def test_a_role_given_holds_at_once(server: Server, room: Room, http: aiohttp.ClientSession) -> None:
    ada = await room.person(server.url)
    headers = {"Authorization": f"Bearer {ada.token}"}

    async def role() -> str:
        async with http.get(f"{server.url}/api/v1/auth/me", headers=headers) as answer:
            return str((await answer.json())["role"])

    assert await role() == "student"
    assert await command(server, "set-role", ada.name, "admin") == f"{ada.name} is now admin"

    async def may() -> bool:
        path = f"{server.url}/api/v1/users/{ada_id}"
        async with http.patch(path, json={"active": True}, headers=headers) as answer:
            return answer.status != 403

    async with http.get(f"{server.url}/api/v1/auth/me", headers=headers) as answer:
        ada_id = (await answer.json())["id"]
    await wait_until(may, 1, "the server knows that Ada is an admin")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("deactivate", "nobody"), "There is no user nobody"),
        (("reset-password", "nobody", "--password", "long enough"), "There is no user nobody"),
    ],
)
async def test_who_does_not_exist_is_named(server: Server, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        await command(server, *words)
