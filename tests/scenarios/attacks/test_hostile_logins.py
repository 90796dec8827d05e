"""Strangers who try passwords and tokens disturb neither the owner of the account nor anybody else."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.server import Server, wait_until
from tests.scenarios.bystander import Bystander, within

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

DEFAULT = {
    "auth.argon2_memory_kib": "19456", "auth.argon2_time_cost": "2", "auth.attempts_before_delay": "5",
    "auth.account_failures_per_hour": "100", "auth.address_failures_per_hour": "300",
    "auth.sign_ins_per_minute": "60", "auth.registrations_per_hour": "1000",
    "limits.anonymous_per_minute": "1500",
}  # fmt: skip
"""What the limits of signing in are without settings: other tests raise them."""
RIGHT = {"login": "owner", "password": "owner-password"}


@pytest_asyncio.fixture(loop_scope="session")
async def guarded(tmp_path: Path) -> AsyncIterator[Server]:
    async with Server.running(tmp_path / "data", DEFAULT) as running:
        yield running


def at(address: str) -> aiohttp.ClientSession:
    """A client at an address of loopback."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(address, 0)))


async def post(
    http: aiohttp.ClientSession, server: Server, path: str, body: object
) -> tuple[int, dict[str, str]]:
    async with http.post(f"{server.url}/api/v1/auth/{path}", json=body) as answer:
        return answer.status, await answer.json() if answer.content_length else {}


async def test_strangers_who_guess_disturb_neither_the_owner_nor_a_bystander(guarded: Server) -> None:
    statuses: dict[int, int] = {}

    async def guess(number: int) -> None:
        """The owner's name and made-up ones in turn."""
        async with at(f"127.0.1.{number}") as http:
            for name in itertools.cycle(["owner", f"nobody{number}", "owner@example.org"]):
                status, _ = await post(http, guarded, "login", {"login": name, "password": "a guess"})
                statuses[status] = statuses.get(status, 0) + 1

    async with at("127.0.0.9") as home, at("127.0.0.10") as away, Bystander.beside(guarded) as bystander:
        names = {"username": "owner", "email": "owner@example.org", "password": RIGHT["password"]}
        status, registered = await post(home, guarded, "register", names)
        assert status == 201
        quiet = await bystander.observe(2)
        strangers = [asyncio.create_task(guess(number)) for number in range(1, 41)]
        try:
            watching = asyncio.create_task(bystander.observe(5))
            known = {**RIGHT, "deviceToken": registered["deviceToken"]}
            while not watching.done():
                status, body = await post(home, guarded, "login", known)
                assert status == 200, (body, statuses)
                await asyncio.wait([watching], timeout=0.5)
            watching.result().assert_undisturbed(quiet)
            assert set(statuses) <= {401, 429, 503}, statuses
            await wait_until(lambda: statuses.get(429, 0) > 20, 30, "strangers are refused without hashing")
            async with home.get(f"{guarded.url}/metrics") as answer:
                assert "mediaserver_sign_ins_waiting" in await answer.text()
            status, body = await post(away, guarded, "login", RIGHT)
            assert (status, body["code"]) == (429, "confirmation_required")
            assert (await post(away, guarded, "login-link", {"login": "owner"}))[0] == 202
            outbox = guarded.data / "outbox"
            await wait_until(lambda: list(outbox.glob("*.eml")), 5, "the letter is there")
            (letter,) = outbox.glob("*.eml")
            token = letter.read_text().partition("/#/device/")[2].split()[0]
            status, confirmed = await post(away, guarded, "login-link/confirm", {"token": token})
            assert status == 200
            status, _ = await post(away, guarded, "login", {**RIGHT, "deviceToken": confirmed["deviceToken"]})
            assert status == 200
        finally:
            for task in strangers:
                task.cancel()
            await asyncio.gather(*strangers, return_exceptions=True)


async def test_garbage_with_the_id_of_a_login_ends_nothing(guarded: Server) -> None:
    async with at("127.0.0.9") as home, at("127.0.0.66") as stranger:
        names = {"username": "owner", "email": "owner@example.org", "password": RIGHT["password"]}
        _, signed_in = await post(home, guarded, "register", names)
        login_id = signed_in["refreshToken"].partition(".")[0]
        for rest in ("garbage", "", "x" * 43, f"{'x' * 43}.{'y' * 22}"):
            status, body = await post(stranger, guarded, "refresh", {"refreshToken": f"{login_id}.{rest}"})
            assert (status, body["code"]) == (401, "bad_refresh_token")
        status, _ = await post(home, guarded, "refresh", {"refreshToken": signed_in["refreshToken"]})
        assert status == 200


@pytest.mark.timeout(240)
async def test_500_people_at_one_address_register_and_sign_in_within_a_minute(tmp_path: Path) -> None:
    """One in five mistypes the password once. Hashing is cheap here: by default it takes two cores about 13 s."""
    default = {name: value for name, value in DEFAULT.items() if "argon2" not in name}
    async with Server.running(tmp_path / "data", default) as server, at("127.0.0.9") as school:

        async def pupil(number: int) -> None:
            name, password = f"pupil{number}", f"a password of {number}"
            names = {"username": name, "email": f"{name}@example.org", "password": password}
            status, answer = await post(school, server, "register", names)
            assert status == 201, answer
            if number % 5 == 0:
                status, _ = await post(school, server, "login", {"login": name, "password": "a typo"})
                assert status == 401
            status, answer = await post(school, server, "login", {"login": name, "password": password})
            assert status == 200, answer

        async with within(60, server):
            await asyncio.gather(*(pupil(number) for number in range(500)))
