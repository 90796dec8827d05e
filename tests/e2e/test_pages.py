"""The pages as a person uses them: from the account to the watched recording, on a phone, without a mouse."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.e2e.server import Person, Server, wait_until
from tests.e2e.visitor import PHONE, Visit, Visitor, visit

__all__ = ["visit"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(150)]

LONG = "Everything about the unbreakable word " + "x" * 60
PICTURE = """async () => {
  const canvas = new OffscreenCanvas(640, 360);
  canvas.getContext('2d').fillRect(0, 0, 320, 360);
  return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
}"""


async def test_people_meet_chat_and_watch_their_recording(visit: Visit) -> None:
    ann, ben = await visit(), await visit(who=1)
    await ann.register("ann")
    link = await ann.create("Algebra")
    await wait_until(
        lambda: ann.page.evaluate("document.querySelector('.preview video').videoWidth > 0"),
        10,
        "Ann sees herself",
    )
    await ann.join()
    await ann.sees_moving("ann")

    await ben.register("ben")
    await ben.page.goto(link)
    await ben.join()
    await ann.sees_moving("ben")
    await ben.sees_moving("ann")
    seen = await ann.sees_in_tile("ben")
    assert seen["whos"] == [1] and seen["frames"] >= 4, "Ben's own picture is under his name"
    assert (await ben.sees_in_tile("ann"))["whos"] == [], "and not under Ann's"

    await ann.button("Record").click()
    await ben.page.get_by_text("Recording", exact=True).wait_for()
    await _chat_with_a_picture(ann, ben)
    await asyncio.sleep(1)  # what is recorded
    await ann.button("Stop recording").click()
    await ben.page.get_by_text("Recording", exact=True).wait_for(state="hidden")
    await ann.button("Leave").click()
    await ann.button("End for everyone").click()
    await ben.page.get_by_text("This session is over.").wait_for()

    await ann.page.get_by_role("link", name="Recordings").click()
    await ann.button("Play").click(timeout=60_000)
    played = await ann.page.locator(".player video").evaluate(
        "(video) => new Promise((done, failed) => { video.playbackRate = 3;"
        " video.onended = () => done(video.currentTime);"
        " setTimeout(() => failed(new Error(`at ${video.currentTime}`)), 40000); })"
    )
    assert played >= 1
    labels = await ann.page.get_by_role("group", name="Downloads").get_by_role("link").all_text_contents()
    assert len(labels) == 5 and any("Camera · ben" in label for label in labels)


async def _chat_with_a_picture(ann: Visitor, ben: Visitor) -> None:
    for one in (ann, ben):
        await one.button("Chat").click()
    hostile = "<img src=x onerror=document.title='owned'> hello"
    await ben.page.get_by_label("Write a message").fill(hostile)
    await ben.page.keyboard.press("Enter")
    await ann.page.get_by_text(hostile).wait_for()
    picture = {"name": "<b>board.png", "mimeType": "image/png", "buffer": bytes(await ben.page.evaluate(PICTURE))}
    await ben.page.locator("input[type=file]").set_input_files(picture)  # type: ignore[arg-type]
    image = ann.page.get_by_role("img", name="<b>board.png")
    await image.wait_for()
    await wait_until(
        lambda: image.evaluate("(image) => image.naturalWidth === 640"), 10, "the picture is there for Ann"
    )
    assert "owned" not in await ann.page.title()


async def test_on_a_phone_nothing_is_wider_than_the_page(visit: Visit) -> None:
    phone = await visit(**PHONE)
    await phone.page.goto(phone.url)
    await fits(phone, "sign in")
    await phone.register("pocket")
    await phone.go("/sessions")
    await phone.page.get_by_role("link", name="New session").click()
    await phone.page.get_by_text("Live class", exact=True).click()
    await phone.page.get_by_text("Later", exact=True).click()
    await fits(phone, "create")
    await phone.page.get_by_role("link", name="Cancel").click()
    await phone.create(LONG)
    await fits(phone, "before joining")
    await phone.join()
    for name in ("Mute", "Camera off", "Raise hand", "People", "Chat", "More", "Leave"):
        box = await phone.button(name).bounding_box()
        assert box is not None and box["width"] >= 40 and box["height"] >= 40, f"{name}: {box}"
        assert box["x"] >= 0 and box["x"] + box["width"] <= 360 and box["y"] + box["height"] <= 740, name
    await fits(phone, "room")
    await phone.button("More").tap()
    await phone.page.get_by_role("menuitem", name="Devices").tap()
    await fits(phone, "devices")
    await phone.button("Done").tap()
    await phone.button("Chat").tap()
    await phone.page.get_by_label("Write a message").fill(LONG)
    await phone.button("Send").tap()
    await phone.page.locator(".message-text", has_text=LONG).wait_for()
    await fits(phone, "chat")
    await phone.button("People").tap()
    await fits(phone, "people")
    await phone.button("Leave").tap()
    await fits(phone, "leave")
    async with phone.page.expect_response(lambda answer: answer.request.method == "PATCH") as patched:
        await phone.page.get_by_role("switch", name="End by itself when everyone has left").tap()
        await phone.page.get_by_role("dialog").get_by_role("button", name="Leave", exact=True).tap()
    assert (await (await patched.value).json())["endsWhenEmpty"] is False
    await phone.page.get_by_role("link", name=f"Join: {LONG}").wait_for()
    await fits(phone, "sessions")
    for name in ("recordings", "profile"):
        await phone.page.goto(f"{phone.url}/#/{name}")
        await phone.page.get_by_role("heading", level=1).wait_for()
        await fits(phone, name)


async def fits(phone: Visitor, where: str) -> None:
    wide: list[Any] = await phone.page.evaluate(
        """() => [document.documentElement, ...document.querySelectorAll('.room-page, .panel-body, dialog')]
          .filter((each) => each.scrollWidth > each.clientWidth)
          .map((each) => [each.className, each.scrollWidth])"""
    )
    assert wide == [], f"{where} is wider than the page: {wide}"


@pytest.mark.keyboard
async def test_without_a_mouse_one_signs_in_joins_and_mutes(
    visit: Visit, server: Server, http: aiohttp.ClientSession
) -> None:
    teacher, student = [await Person.register(http, server.url, name) for name in ("teacher", "keys")]
    session = await teacher.post("/video-sessions", {"title": "Typing"})
    await teacher.post(f"/video-sessions/{session['id']}/start", status=200)
    visitor = await visit()
    keyboard = visitor.page.keyboard
    await visitor.page.goto(f"{server.url}/#/room/video/{session['id']}")
    await visitor.tab_to("Username or email")
    await keyboard.type("keys")
    await visitor.tab_to("Password")
    await keyboard.type("keys-password")
    await keyboard.press("Enter")
    await visitor.button("Join").wait_for()
    await visitor.tab_to("Join")
    await keyboard.press("Enter")
    await visitor.page.locator(".room").wait_for()

    async def muted(expected: bool) -> bool:
        people = await student.get(f"/video-sessions/{session['id']}/participants")
        return [one["mute"] for one in people["items"]] == [expected]

    await visitor.tab_to("Mute")
    await keyboard.press("Enter")
    await visitor.button("Unmute").wait_for()
    await wait_until(lambda: muted(True), 5, "the server knows that the microphone is off")
    await keyboard.press("m")
    await visitor.button("Mute").wait_for()
    await wait_until(lambda: muted(False), 5, "and on again")

    await visitor.tab_to("Chat")
    await keyboard.press("Enter")
    await keyboard.type("m is no shortcut here")
    await keyboard.press("Enter")
    await visitor.page.locator(".message-text", has_text="m is no shortcut here").wait_for()
    await keyboard.press("Escape")
    await visitor.page.get_by_label("Write a message").wait_for(state="hidden")
    focused = await visitor.page.evaluate("document.activeElement.ariaLabel")
    assert focused == "Chat", "the focus is back where the panel was opened"
    await visitor.button("Mute").wait_for()
