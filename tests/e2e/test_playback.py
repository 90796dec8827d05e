"""A recording of two hours is watched in the page: its link outlives its time to start, and is renewed."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import pytest_asyncio

from mediaserver.app import documents
from mediaserver.base.settings.tree import load_settings
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.playback import PlaybackGrant
from mediaserver.usecases.context import Context
from mediaserver.usecases.sessions import recordings, sessions
from tests.e2e.browsers import Chromium
from tests.e2e.long_film import long_film
from tests.e2e.server import Person, Server, wait_until
from tests.e2e.visitor import Visitor
from tests.usecases.pictures import encoded, quarters

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

SEEK = """async (video, at) => {
  video.currentTime = at;
  const shown = () => !video.seeking && video.readyState >= 2 && Math.abs(video.currentTime - at) < 60;
  while (!shown()) await new Promise((done) => setTimeout(done, 50));
  return video.src;
}"""


async def add_recording(ctx: Context, person: Person) -> str:
    """One that was made some time ago; its id."""
    user = await ctx.users.get(str(person.user["id"]))
    actor = Actor(user.id, user.username, user.role, login_id="")
    session = await sessions.create(ctx, actor, "video", {"title": "Long"})
    session = await sessions.start(ctx, actor, "video", session.id)
    begun = await recordings.begin(ctx, actor, session, ctx.clock())
    await recordings.stopped(ctx, begun.id, ctx.clock())
    key, film = f"recordings/{begun.id}/program.webm", long_film()
    await ctx.objects.put_bytes(key, film, "video/webm")
    await recordings.ready(ctx, begun.id, object_key=key, size=len(film), duration_s=7200.0, tracks=[])
    return begun.id


@pytest_asyncio.fixture(loop_scope="session")
async def place(tmp_path: Path) -> AsyncIterator[tuple[Server, Context]]:
    settings = {"objects.recording_url_ttl_s": "5", "objects.url_ttl_s": "2"}
    async with Server.running(tmp_path / "data", settings) as server:
        beside = load_settings(overrides={"data.dir": str(server.data)}, environ={})
        async with documents(beside) as ctx:
            yield server, ctx


async def test_the_page_plays_and_seeks_on_one_link_and_renews_it_when_playback_ended(
    place: tuple[Server, Context], http: aiohttp.ClientSession, chromium: Chromium
) -> None:
    server, ctx = place
    ann = await Person.register(http, server.url, "ann")
    await add_recording(ctx, ann)
    visitor = Visitor((await chromium.page()).page, server.url)
    await visitor.arrive(ann, "/recordings")
    await visitor.button("Play").click()
    video = visitor.page.locator("video")
    await video.evaluate(SEEK, 10)
    link = await video.evaluate("(video) => video.src")
    await wait_until(lambda: has_expired(link), 10, "nothing can be started with the link any more")
    for at in (3600, 120, 7000, 1800, 5000):
        assert await video.evaluate(SEEK, at) == link, "the link that was started goes on"

    assert not await video.evaluate("(video) => video.paused")
    # Playback ends, as after a pause of half an hour.
    await ctx.of(PlaybackGrant).delete_many({})
    assert await video.evaluate(SEEK, 900) != link
    assert not await video.evaluate("(video) => video.paused")
    assert await ctx.of(PlaybackGrant).count({}) == 1
    await visitor.page.close()


async def test_pictures_and_downloads_get_fresh_links(
    place: tuple[Server, Context], http: aiohttp.ClientSession, chromium: Chromium
) -> None:
    server, ctx = place
    ben = await Person.register(http, server.url, "ben")
    await add_recording(ctx, ben)
    visitor = Visitor((await chromium.page()).page, server.url)
    await visitor.arrive(ben, "/recordings")
    await visitor.button("Play").click()
    download = visitor.page.get_by_role("link", name="Whole recording")
    await download.wait_for()
    old = str(await download.evaluate("(anchor) => anchor.href"))
    await ctx.of(PlaybackGrant).delete_many({})
    await visitor.page.locator("video").evaluate("(video) => video.remove()")
    await wait_until(lambda: has_expired(old), 10, "the link has expired")
    async with visitor.page.expect_download() as begun:
        await download.click()
    assert (await begun.value).url != old

    upload = await upload_picture(ben)
    shown = f"{server.url}{upload['url']}"
    await wait_until(lambda: has_expired(shown), 10, "the link has expired")
    size = await visitor.page.evaluate(
        """async (src) => {
          const image = Object.assign(new Image(), { src });
          document.body.append(image);
          while (!image.naturalWidth) await new Promise((done) => setTimeout(done, 50));
          return [image.naturalWidth, image.src !== src];
        }""",
        shown,
    )
    assert size == [64, True]
    await visitor.page.close()


def has_expired(url: str) -> bool:
    return time.time() >= int(parse_qs(urlsplit(url).query)["expires"][0])


async def upload_picture(person: Person) -> Any:
    form = aiohttp.FormData()
    form.add_field("file", encoded(quarters(64, 64), "PNG"), filename="a.png", content_type="image/png")
    status, upload = await person.request("POST", "/uploads", data=form)
    assert status == 201
    return upload
