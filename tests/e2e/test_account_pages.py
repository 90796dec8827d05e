"""Passwords and devices as a person deals with them: in front of the pages, with the mail beside."""

import re
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.server import Person, Server, wait_until
from tests.e2e.test_pages import fits
from tests.e2e.visitor import PASSWORD, PHONE, Visit, Visitor, visit

__all__ = ["visit"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(150)]

NEW = "a better password"


def letters(server: Server, to: str) -> list[Any]:
    """Those in the outbox, the oldest first."""
    files = sorted((server.data / "outbox").glob("*.eml"))
    found = [message_from_bytes(file.read_bytes(), policy=default) for file in files]
    return [letter for letter in found if letter["To"] == to]


async def sign_in(visitor: Visitor, name: str, password: str) -> None:
    await visitor.page.get_by_label("Username or email").fill(name)
    await visitor.page.get_by_label("Password").fill(password)
    await visitor.button("Sign in").click()


def complained_of(visitor: Visitor, status: int) -> None:
    """The browser told of one refusal that was expected, and of nothing else."""
    assert [str(status) in text for text in visitor.complaints] == [True], visitor.complaints
    visitor.complaints.clear()


async def test_a_forgotten_password(visit: Visit, server: Server, http: aiohttp.ClientSession) -> None:
    person = await Person.register(http, server.url, "forgetful")
    ann = await visit()
    page = ann.page
    await page.goto(server.url)
    await page.get_by_role("link", name="Forgot your password?").click()
    await page.get_by_label("Username or email").fill("forgetful@example.org")
    await ann.button("Send me a link").click()
    await page.get_by_role("heading", name="Look into your mail").wait_for()
    await wait_until(lambda: letters(server, "forgetful@example.org"), 5, "the letter is there")
    (letter,) = letters(server, "forgetful@example.org")
    link = re.search(r"/#/reset/\S+", letter.get_content())
    assert link

    await page.goto(server.url + link[0])
    await page.get_by_label("New password").fill("forgetful@example.org")
    await ann.button("Set password").click()
    await page.get_by_text("Password must not be the username or the email.").wait_for()
    complained_of(ann, 422)
    await page.get_by_label("New password").fill(NEW)
    await ann.button("Set password").click()
    await page.get_by_role("heading", name="Your new password is set").wait_for()
    status, _ = await person.request("GET", "/auth/me")
    assert status == 401, "the person is signed out elsewhere"
    await page.get_by_role("link", name="Sign in").click()
    await sign_in(ann, "forgetful", NEW)
    await page.get_by_role("heading", name="Home").wait_for()
    assert [one["Subject"] for one in letters(server, "forgetful@example.org")][1:] == [
        "Your password was changed"
    ]

    await page.goto(server.url + link[0])
    await page.get_by_label("New password").fill("yet another one")
    await ann.button("Set password").click()
    await page.get_by_role("heading", name="This link is over").wait_for()
    complained_of(ann, 410)
    await page.get_by_role("link", name="Ask for a new link").click()
    await ann.button("Send me a link").wait_for()


async def test_changing_the_password_signs_other_devices_out(visit: Visit, server: Server) -> None:
    laptop, phone = await visit(), await visit()
    await laptop.register("changing")
    await phone.page.goto(server.url)
    await sign_in(phone, "changing", PASSWORD)
    await phone.page.get_by_role("heading", name="Home").wait_for()
    await laptop.button("Your account: changing").click()
    await laptop.page.get_by_role("menuitem", name="Profile and account").click()
    await laptop.button("Sign out Chrome on Linux").wait_for()
    await laptop.page.get_by_label("Present password").fill("not the one")
    await laptop.page.get_by_label("New password").fill(NEW)
    await laptop.button("Change password").click()
    await laptop.page.get_by_text("This is wrong.").wait_for()
    complained_of(laptop, 403)
    await laptop.page.get_by_label("Present password").fill(PASSWORD)
    await laptop.button("Change password").click()
    await laptop.page.get_by_text("Your password is changed.").wait_for()
    await laptop.button("Sign out Chrome on Linux").wait_for(state="hidden")
    for card in ("Where you are signed in", "Known devices"):
        here = laptop.page.locator("section").filter(has=laptop.page.get_by_role("heading", name=card))
        await here.get_by_text("This device").wait_for()
    await phone.page.goto(f"{server.url}/#/profile")
    await phone.page.get_by_role("heading", name="Welcome back").wait_for()
    assert phone.complaints and all("401" in text for text in phone.complaints), phone.complaints
    phone.complaints.clear()
    await sign_in(phone, "changing", NEW)
    await phone.page.get_by_role("heading", name="Home").wait_for()


async def test_ending_a_device_and_signing_out_everywhere(
    visit: Visit, server: Server, http: aiohttp.ClientSession
) -> None:
    lost = await Person.register(http, server.url, "careful")
    ann = await visit(**PHONE)
    await ann.page.goto(server.url)
    await sign_in(ann, "careful", "careful-password")
    await ann.page.get_by_role("heading", name="Home").wait_for()
    await ann.page.goto(f"{server.url}/#/profile")
    await ann.button("Sign out Python").click()
    await ann.page.get_by_text("Python is signed out.").wait_for()
    assert (await lost.request("GET", "/auth/me"))[0] == 401
    await fits(ann, "profile")

    await ann.button("Sign out everywhere").click()
    await ann.page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
    await ann.page.get_by_role("heading", name="Welcome back").wait_for()
    for path in ("forgot", "reset/x"):
        await ann.page.goto(f"{server.url}/#/{path}")
        await ann.page.get_by_role("heading", level=1).wait_for()
        await fits(ann, path)


async def test_a_new_device_is_confirmed_by_mail_while_strangers_guess(
    visit: Visit, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with Server.running(tmp_path / "data", {"auth.account_failures_per_hour": "3"}) as server:
        await Person.register(http, server.url, "guarded")
        for number in range(3):
            body = {"login": "guarded", "password": f"guess {number}"}
            async with http.post(f"{server.url}/api/v1/auth/login", json=body) as answer:
                assert answer.status == 401
        ann = await visit()
        page = ann.page
        await page.goto(server.url)
        await sign_in(ann, "guarded", "guarded-password")
        await page.get_by_role("heading", name="Confirm this device").wait_for()
        complained_of(ann, 429)
        assert await page.get_by_role("heading", level=2).count() == 1, "it takes the place of the form"
        await ann.button("Back to sign in").click()
        await sign_in(ann, "guarded", "guarded-password")
        await page.get_by_role("heading", name="Confirm this device").wait_for()
        complained_of(ann, 429)
        await ann.button("Mail me a link").click()
        await page.get_by_role("heading", name="Check your mail").wait_for()
        await wait_until(lambda: letters(server, "guarded@example.org"), 5, "the letter is there")
        (letter,) = letters(server, "guarded@example.org")
        link = re.search(r"/#/device/\S+", letter.get_content())
        assert link

        await page.goto(server.url + link[0])
        await ann.button("Confirm this device").click()
        await page.get_by_role("heading", name="This device is confirmed").wait_for()
        await page.get_by_role("link", name="Sign in").click()
        await sign_in(ann, "guarded", "guarded-password")
        await page.get_by_role("heading", name="Home").wait_for()
        await page.goto(f"{server.url}/#/profile")
        await page.get_by_role("heading", name="Known devices").wait_for()
        await ann.button("Forget Python").click()
        await page.get_by_text("Python is forgotten and signed out.").wait_for()

        await page.goto(server.url + link[0])
        await ann.button("Confirm this device").click()
        await page.get_by_role("heading", name="This link no longer works").wait_for()
        complained_of(ann, 410)
        await page.goto("about:blank")  # or it would complain when the server ends


async def test_another_name_and_another_address(visit: Visit, server: Server) -> None:
    ann = await visit()
    await ann.register("before")
    await ann.page.goto(f"{server.url}/#/profile")
    await ann.page.get_by_role("textbox", name="Username").fill("afterwards")
    await ann.button("Save").click()
    await ann.page.get_by_role("heading", name="afterwards").wait_for()
    await ann.page.get_by_label("New address").fill("afterwards@example.org")
    await ann.page.get_by_label("Your password").fill("not the one")
    await ann.button("Change address").click()
    await ann.page.get_by_text("is wrong.").wait_for()
    complained_of(ann, 403)
    await ann.page.get_by_label("Your password").fill(PASSWORD)
    await ann.button("Change address").click()
    await ann.page.get_by_text("Your address is changed.").wait_for()
    await ann.page.get_by_role("definition").get_by_text("afterwards@example.org").wait_for()
    await wait_until(lambda: bool(letters(server, "before@example.org")), 10, "the old address is told")
