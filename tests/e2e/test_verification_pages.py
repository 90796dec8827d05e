"""Confirming an address in the browser: registering, the notice and the mailed link; closed registration."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.ports import free_port
from tests.e2e.server import Person, Server, wait_until
from tests.e2e.test_account_pages import complained_of, sign_in
from tests.e2e.test_pages import fits
from tests.e2e.visitor import PASSWORD, PHONE, Visit, visit
from tests.store.mail.mailserver import MailServer, mail_server

__all__ = ["visit"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(150)]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def mail() -> AsyncIterator[MailServer]:
    async with mail_server() as mail:
        yield mail


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def server(mail: MailServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """It requires confirmed addresses of one domain and sends real mail."""
    port = free_port()
    settings = {
        "http.public_url": f"http://127.0.0.1:{port}", "http.port": str(port),
        "mail.backend": "smtp", "mail.host": "127.0.0.1", "mail.port": str(mail.port), "mail.tls": "none",
        "auth.require_verified_email": "true", "auth.email_domains": "example.org,*.uni.example",
    }  # fmt: skip
    data: Path = tmp_path_factory.mktemp("verifying")
    async with Server.running(data, settings) as running:
        yield running


async def link_to(mail: MailServer, address: str) -> str:
    """The newest link that was mailed to an address."""

    def found() -> list[str]:
        texts = [letter.get_content() for to, letter in mail.got if to == address]
        return [link[0] for text in texts if (link := re.search(r"http\S+/#/verify/\S+", text))]

    await wait_until(found, 10, "the link has come")
    return found()[-1]


async def test_an_address_is_confirmed_before_one_may_write(
    visit: Visit, server: Server, mail: MailServer
) -> None:
    ann = await visit()
    page = ann.page
    await page.goto(server.url)
    await ann.button("Create an account").click()
    await page.get_by_text("An address at example.org or a subdomain of uni.example.").wait_for()
    await page.get_by_label("Username").fill("ann")
    await page.get_by_label("Email").fill("ann@elsewhere.example")
    await page.get_by_label("Password").fill("Password1")
    await ann.button("Create account").click()
    await page.get_by_text("must be an address at example.org").wait_for()
    complained_of(ann, 422)
    await page.get_by_label("Email").fill("ann@example.org")
    await ann.button("Create account").click()
    await page.get_by_text("most common passwords").wait_for()
    complained_of(ann, 422)
    await page.get_by_label("Password").fill(PASSWORD)
    await ann.button("Create account").click()
    await page.get_by_text("Confirm your email address to post").wait_for()
    await fits(ann, "the notice")

    first = await link_to(mail, "ann@example.org")
    await ann.button("Send another link").click()
    await page.get_by_text("Another link is on its way").wait_for()
    await wait_until(lambda: len([to for to, _ in mail.got if to == "ann@example.org"]) == 2, 10, "a second one")
    await page.goto(first)
    await page.get_by_label("Password of your account").fill(PASSWORD)
    await ann.button("Confirm address").click()
    await page.get_by_role("heading", name="This link no longer works").wait_for()
    complained_of(ann, 410)

    await page.goto(await link_to(mail, "ann@example.org"))
    await page.get_by_label("Password of your account").fill("not this one")
    await ann.button("Confirm address").click()
    await page.get_by_text("is wrong").wait_for()
    complained_of(ann, 403)
    await page.get_by_label("Password of your account").fill(PASSWORD)
    await ann.button("Confirm address").click()
    await page.get_by_role("heading", name="Your address is confirmed").wait_for()
    await page.get_by_role("link", name="Continue").click()
    await page.get_by_role("heading", name="Home").wait_for()
    assert await page.get_by_text("Confirm your email address to post").count() == 0


async def test_a_change_of_the_address_waits_for_its_link(
    visit: Visit, server: Server, mail: MailServer, http: aiohttp.ClientSession
) -> None:
    await Person.register(http, server.url, "bob")
    bob = await visit(**PHONE)
    page = bob.page
    await page.goto(await link_to(mail, "bob@example.org"))
    await page.get_by_label("Password of your account").fill("bob-password")
    await fits(bob, "the page of the link")
    await bob.button("Confirm address").click()
    await page.get_by_role("heading", name="Your address is confirmed").wait_for()
    await bob.go("/profile")
    await page.get_by_label("New address").fill("robert@cs.uni.example")
    await page.get_by_label("Your password").fill("bob-password")
    await bob.button("Change address").click()
    await page.get_by_text("robert@cs.uni.example takes the place of bob@example.org").wait_for()
    await fits(bob, "the profile")
    about = "Your email address is about to change"
    await wait_until(lambda: about in [one["Subject"] for _, one in mail.got], 10, "the old address is told")
    await page.goto(await link_to(mail, "robert@cs.uni.example"))
    await page.get_by_label("Password of your account").fill("bob-password")
    await bob.button("Confirm address").click()
    await page.get_by_text("robert@cs.uni.example belongs to your account now").wait_for()


async def test_where_registration_is_closed_the_page_says_so(visit: Visit, tmp_path: Path) -> None:
    async with Server.running(tmp_path, {"auth.registration": "closed"}) as server:
        eve = await visit()
        await eve.page.goto(server.url)
        await eve.button("Create an account").click()
        await eve.page.get_by_text("Registration is closed. Ask the operator of this server").wait_for()
        assert await eve.button("Create an account").count() == 0
        await sign_in(eve, "eve", PASSWORD)
        await eve.page.get_by_text("The name or the password is wrong.").wait_for()
        complained_of(eve, 401)
