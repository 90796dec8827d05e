"""A person in front of the pages, who finds things by name and label, as people and screen readers do."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest_asyncio
from playwright.async_api import Locator, Page

from tests.e2e.browsers import KIT, Chromium
from tests.e2e.server import Person, Server

PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
PASSWORD = "a long password"

_OWN_PICTURES = """
  navigator.mediaDevices.getUserMedia = async ({ audio, video }) => new MediaStream(
    [audio && kit.tone(kit.toneOf(WHO)), video && kit.picture(WHO)].filter(Boolean));
"""
_MOVES = """async (video) => {
  const canvas = new OffscreenCanvas(32, 18), context = canvas.getContext('2d', { willReadFrequently: true });
  const look = () => {
    context.drawImage(video, 0, 0, 32, 18);
    return context.getImageData(0, 0, 32, 18).data.join();
  };
  const seen = new Set();
  const end = performance.now() + 15000;
  while (seen.size < 5 && performance.now() < end) {
    seen.add(look());
    await new Promise((done) => setTimeout(done, 50));
  }
  return seen.size;
}"""
_SIGNED_IN = """([login, address]) => {
  localStorage.setItem('mediaserver.login', JSON.stringify(login));
  history.replaceState(null, '', address);
}"""


class Visitor:
    """One tab with a storage of its own; whatever its console complains about is kept in `complaints`."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))

    def button(self, name: str, scope: Page | Locator | None = None) -> Locator:
        return (scope or self.page).get_by_role("button", name=name, exact=True)

    def tile(self, name: str) -> Locator:
        return self.page.locator(f'.tile-camera[data-username="{name}"]')

    async def register(self, name: str) -> None:
        """From the sign-in page; it leads home."""
        await self.page.goto(self.url)
        await self.button("Create an account").click()
        await self.page.get_by_label("Username").fill(name)
        await self.page.get_by_label("Email").fill(f"{name}@example.org")
        await self.page.get_by_label("Password").fill(PASSWORD)
        await self.button("Create account").click()
        await self.page.get_by_role("heading", name="Home").wait_for()

    async def arrive(self, person: Person, path: str = "/home") -> None:
        """As somebody who signed in before in this browser."""
        login = {
            "user": person.user,
            "accessToken": person.token,
            "refreshToken": person.refresh_token,
            "expiresAtMs": 4e12,
        }
        await self.page.goto(self.url)
        await self.page.evaluate(_SIGNED_IN, [login, f"#{path}"])
        await self.page.reload()

    async def go(self, path: str) -> None:
        await self.page.goto(f"{self.url}/#{path}")

    async def create(self, title: str, kind: str = "Video meeting") -> str:
        """A session that begins now; its link."""
        await self.page.goto(f"{self.url}/#/sessions")
        await self.page.get_by_role("link", name="New session").click()
        await self.page.get_by_label("Title").fill(title)
        await self.page.get_by_text(kind, exact=True).click()
        await self.button("Start now").click()
        await self.button("Join").wait_for()
        return self.page.url

    async def join(self) -> None:
        await self.button("Join").click()
        await self.page.locator(".room").wait_for()

    async def sees_moving(self, name: str) -> None:
        """The tile of that name is live and its pixels change."""
        await self.page.locator(f'.tile-camera.live[data-username="{name}"]').wait_for(timeout=20_000)
        changes = await self.tile(name).locator("video").evaluate(_MOVES)
        assert changes >= 5, f"{name}'s picture stands still"

    async def sees_in_tile(self, name: str) -> dict[str, Any]:
        """What `kit.watch` reads in the tile of that name."""
        seen: dict[str, Any] = (
            await self.tile(name).locator("video").evaluate("(video) => kit.watch(video, 1000)")
        )
        return seen

    async def tab_to(self, name: str) -> Locator:
        """Press Tab until the control of that name has the focus, visibly."""
        for _ in range(40):
            await self.page.keyboard.press("Tab")
            focused = self.page.locator(":focus-visible")
            if await focused.count() and name in await focused.evaluate(
                "(e) => [e.ariaLabel, e.labels?.[0]?.querySelector('span')?.textContent, e.textContent]"
            ):
                style = await focused.evaluate("(e) => getComputedStyle(e).outlineStyle")
                assert style != "none", f"the focus on {name} is not visible"
                return focused
        raise AssertionError(f"{name} is not reached with Tab")


Visit = Callable[..., Awaitable[Visitor]]


@pytest_asyncio.fixture(loop_scope="session")
async def visit(server: Server, chromium: Chromium) -> AsyncIterator[Visit]:
    """`await visit()` opens a tab; with `who=` its camera shows that person's board. No console may complain."""
    opened: list[Visitor] = []

    async def open_tab(who: int | None = None, **context: Any) -> Visitor:
        page = (await chromium.page(**context)).page
        await page.add_init_script(KIT)
        if who is not None:
            await page.add_init_script(_OWN_PICTURES.replace("WHO", str(who)))
        page.set_default_timeout(15_000)
        visitor = Visitor(page, server.url)
        opened.append(visitor)
        return visitor

    yield open_tab
    for visitor in opened:
        await visitor.page.context.close()
    # The list of recordings asks for those of every session; what one may not see is refused.
    complaints = [text for one in opened for text in one.complaints if "403 (Forbidden)" not in text]
    assert not complaints, complaints
