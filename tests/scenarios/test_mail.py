"""Mail of a running server, to a real mail server, and through a time without one."""

import asyncio
import re
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.ports import free_port
from tests.e2e.server import Person, Server, wait_until
from tests.scenarios.service import Door
from tests.store.mail.mailserver import mail_server

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_mailed_link_sets_a_new_password(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    port = free_port()
    async with mail_server() as mail:
        settings = {
            "http.public_url": "https://media.example.org", "http.port": str(port),
            "mail.backend": "smtp", "mail.host": "127.0.0.1",
            "mail.port": str(mail.port), "mail.tls": "none", "mail.sender": "School <no-reply@example.org>",
        }  # fmt: skip
        async with Server.running(tmp_path / "data", settings):
            base = f"http://127.0.0.1:{port}"
            await Person.register(http, base, "ada")
            async with http.post(
                f"{base}/api/v1/auth/password-reset", json={"login": "ada"}, headers={"Host": "evil.example"}
            ) as answer:
                assert answer.status == 202
            await wait_until(lambda: mail.got, 10, "the mail has arrived")
            to, message = mail.got[0]
            assert to == "ada@example.org" and message["From"] == "School <no-reply@example.org>"
            link = re.search(r"https://media\.example\.org/#/reset/(\S+)", message.get_content())
            assert link and "evil" not in message.get_content()
            body = {"token": link[1], "password": "a better password"}
            async with http.post(f"{base}/api/v1/auth/password-reset/confirm", json=body) as answer:
                assert answer.status == 204
            await wait_until(lambda: len(mail.got) == 2, 10, "so has the other")


async def test_mail_is_retried_while_the_mail_server_is_unreachable(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    port = free_port()
    async with mail_server() as mail:
        door = Door(lambda: asyncio.open_connection("127.0.0.1", mail.port))
        await door.open()
        await door.shut()
        settings = {
            "http.public_url": "https://media.example.org", "http.port": str(port),
            "mail.backend": "smtp", "mail.host": "127.0.0.1",
            "mail.port": str(door.port), "mail.tls": "none",
        }  # fmt: skip
        async with Server.running(tmp_path / "data", settings) as server:
            base = f"http://127.0.0.1:{port}"
            await Person.register(http, base, "ada")
            async with http.post(f"{base}/api/v1/auth/password-reset", json={"login": "ada"}) as answer:
                assert answer.status == 202
            await wait_until(
                lambda: any("mail delivery failed and will be retried" in line for line in server.log),
                10,
                "delivery was attempted",
            )
            assert mail.got == []
            await door.open()
            await wait_until(lambda: mail.got, 15, "the mail has arrived")
        await door.shut()


def verifying(mail_port: int, port: int) -> dict[str, str]:
    return {
        "http.public_url": "https://media.example.org", "http.port": str(port),
        "mail.backend": "smtp", "mail.host": "127.0.0.1", "mail.port": str(mail_port), "mail.tls": "none",
        "auth.require_verified_email": "true",
    }  # fmt: skip


async def test_a_mailed_link_and_the_password_confirm_an_address(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    port = free_port()
    async with mail_server() as mail, Server.running(tmp_path / "data", verifying(mail.port, port)) as server:
        base = f"http://127.0.0.1:{port}"
        ada = await Person.register(http, base, "ada")
        refused = await ada.post("/tweets", {"content": {"text": "hello", "media": []}}, status=403)
        assert refused["code"] == "email_unverified"
        await wait_until(lambda: mail.got, 10, "the link has come")
        to, message = mail.got[0]
        link = re.search(r"https://media\.example\.org/#/verify/(\S+)", message.get_content())
        assert to == "ada@example.org" and link
        body = {"token": link[1], "password": "ada-password"}
        async with http.post(f"{base}/api/v1/auth/email/verify", json=body) as answer:
            assert answer.status == 200, await answer.text()
            confirmed = Person(http, base, await answer.json())
        await confirmed.post("/tweets", {"content": {"text": "hello", "media": []}})
        status, _ = await ada.request("GET", "/auth/me")
        assert status == 401
        assert link[1] not in "\n".join(server.log)
        body = {"username": "eve", "email": "ADA@example.org", "password": "eve-password"}
        async with http.post(f"{base}/api/v1/auth/register", json=body) as answer:
            assert answer.status == 201
        await wait_until(lambda: len(mail.got) == 2, 10, "the owner is notified")
        assert "This email address was entered for another account" in mail.got[1][1].get_content()


async def test_a_load_test_on_a_server_that_requires_confirmed_addresses(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    port = free_port()
    async with mail_server() as mail:
        settings = verifying(mail.port, port)
        async with Server.running(tmp_path / "data", settings) as server:
            base = f"http://127.0.0.1:{port}"
            given = {**server.settings, "http.port": str(port)}
            flags = [word for name, value in given.items() for word in (f"--{name}", value)]
            load = [sys.executable, "-m", "mediaserver", "loadtest", base, "--subscribers", "1", "--seconds", "1"]
            results = []
            for more in ([], ["--create-accounts"]):
                process = await asyncio.create_subprocess_exec(
                    *load, *more, *flags, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
                )
                out, errors = await asyncio.wait_for(process.communicate(), 90)
                results.append((process.returncode, out.decode() + errors.decode()))
            assert results[0][0] == 1 and "--create-accounts" in results[0][1], results[0]
            assert results[1][0] == 0, results[1]
