"""Keys that follow each other faster than the server answers: every one of them counts."""

import asyncio

import aiohttp
import pytest

from tests.e2e.server import Person, Server, wait_until
from tests.e2e.visitor import Visit, Visitor, visit

__all__ = ["visit"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.keyboard,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(150),
]


NAMED = {"Enter": ("Enter", 13, "\r"), "Space": (" ", 32, " "), "Tab": ("Tab", 9, ""), "End": ("End", 35, "")}


async def burst(visitor: Visitor, *keys: str) -> None:
    """Press and release one key after the other without waiting for the page in between.

    Playwright's own `press`, called concurrently, would hold keys down together, which makes them repetitions.
    """
    browser = await visitor.page.context.new_cdp_session(visitor.page)
    events = []
    for name in keys:
        key, code, text = NAMED.get(name, (name, ord(name[0].upper()), name))
        event = {
            "key": key,
            "code": name if name in NAMED else f"Key{name.upper()}",
            "windowsVirtualKeyCode": code,
        }
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        events += [{**event, **down}, {**event, "type": "keyUp"}]
    await asyncio.gather(*(browser.send("Input.dispatchKeyEvent", event) for event in events))
    await browser.detach()


async def test_an_opened_menu_gets_the_keys_that_follow_at_once(
    visit: Visit, server: Server, http: aiohttp.ClientSession
) -> None:
    kim = await Person.register(http, server.url, "kim-menu")
    await kim.post("/tweets", {"content": {"text": "Soon gone"}})
    visitor = await visit()
    await visitor.arrive(kim)
    await visitor.button("More about this tweet").focus()
    await burst(visitor, "Enter", "End", "Enter")
    await visitor.page.get_by_role("dialog").get_by_role("button", name="Delete").wait_for()
    await burst(visitor, "Tab", "Enter")
    await visitor.page.locator(".tweet", has_text="Soon gone").wait_for(state="detached")


async def test_the_last_of_many_likes_and_follows_counts(
    visit: Visit, server: Server, http: aiohttp.ClientSession
) -> None:
    ada, eve = [await Person.register(http, server.url, name) for name in ("ada-fast", "eve-fast")]
    tweet = await ada.post("/tweets", {"content": {"text": "Like me"}})
    visitor = await visit()
    await visitor.arrive(eve, f"/people/{ada.user['id']}")
    await visitor.button("Like, 0 likes").focus()
    await burst(visitor, *["Space"] * 5)
    await visitor.page.get_by_role("button", name="Like, 1 like", pressed=True).wait_for()
    await visitor.button("Follow ada-fast").focus()
    await burst(visitor, *["Enter"] * 5)
    await visitor.page.get_by_role("button", name="Unfollow ada-fast", pressed=True).wait_for()
    await visitor.page.locator(".follow:not([aria-busy])").wait_for()
    await burst(visitor, *["Enter"] * 2)
    await visitor.page.get_by_role("button", name="Unfollow ada-fast", pressed=True).wait_for()

    async def liked_and_followed() -> bool:
        liked = (await eve.get(f"/tweets/{tweet['id']}"))["liked"]
        following = (await eve.get(f"/users/{ada.user['id']}"))["following"]
        return (liked, following) == (True, True)

    await wait_until(liked_and_followed, 5, "the server has the fifth wish of each")
    await visitor.page.reload()
    await visitor.page.get_by_role("button", name="Like, 1 like", pressed=True).wait_for()


async def test_the_last_of_many_mutes_counts(visit: Visit, server: Server, http: aiohttp.ClientSession) -> None:
    host = await Person.register(http, server.url, "host-fast")
    session = await host.post("/audio-sessions", {"title": "Typing fast"})
    await host.post(f"/audio-sessions/{session['id']}/start", status=200)
    visitor = await visit()
    await visitor.arrive(host, f"/room/audio/{session['id']}")
    await visitor.join()
    await visitor.button("Mute").wait_for()

    async def muted(expected: bool) -> bool:
        people = await host.get(f"/audio-sessions/{session['id']}/participants")
        return [one["mute"] for one in people["items"]] == [expected]

    async def at_rest(*labels: str) -> None:
        """Nothing is being sent: the buttons show what the server says."""
        for label in labels:
            await visitor.page.locator(f'[aria-label="{label}"][aria-busy="false"]').wait_for()

    await burst(visitor, *["m"] * 5, *["h"] * 3)
    await wait_until(lambda: muted(True), 5, "the server has the fifth mute")
    await at_rest("Unmute", "Lower hand")
    await burst(visitor, *["m"] * 2, *["h"] * 2)
    await at_rest("Unmute", "Lower hand")
    assert await muted(True)
    await burst(visitor, *["m"] * 3, *["h"] * 3)
    await wait_until(lambda: muted(False), 5, "and on again")
    await at_rest("Mute", "Raise hand")


async def test_a_link_takes_the_focus_along_at_once(
    visit: Visit, server: Server, http: aiohttp.ClientSession
) -> None:
    noa = await Person.register(http, server.url, "noa-fast")
    visitor = await visit()
    await visitor.arrive(noa)
    await visitor.page.get_by_role("link", name="Search", exact=True).focus()
    await burst(visitor, "Enter", *"algebra")
    await visitor.page.get_by_role("searchbox", name="Search").wait_for()
    assert await visitor.page.get_by_role("searchbox", name="Search").input_value() == "algebra"
