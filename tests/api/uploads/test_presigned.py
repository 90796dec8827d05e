"""Uploads straight to a bucket, over real HTTP to both servers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from mediaserver.base.errors import NotFound, Unavailable
from mediaserver.base.settings import tree as config
from mediaserver.base.settings.tree import Objects
from mediaserver.domain.documents.actor import Actor
from mediaserver.usecases.context import Context
from mediaserver.usecases.uploads.storage_quota import incoming
from mediaserver.usecases.uploads.upload_expiry import expire_unused
from tests.api.served import Client, served, signed_in
from tests.domain.metadata import files, movies
from tests.store.conftest import engine, shared_server, uri
from tests.store.objects.conftest import s3_admin, s3_endpoint, s3_settings
from tests.usecases.pictures import corners, decoded, encoded, quarters, video
from tests.usecases.stored_context import HandClock, add_person, stored_context
from tests.usecases.uploads.test_thumbnails import png_claiming

__all__ = ["engine", "s3_admin", "s3_endpoint", "s3_settings", "shared_server", "uri"]

UPLOADS = "/api/v1/uploads"
PHOTOGRAPH = encoded(quarters(1600, 1200), "PNG")


@pytest.fixture
async def ctx(uri: str, tmp_path: Path, s3_settings: Objects) -> AsyncIterator[Context]:
    limits = config.Uploads(max_image_bytes=100_000, max_file_bytes=20_000, max_bytes_per_person=200_000)
    async with stored_context(uri, tmp_path / "data", objects=s3_settings, uploads=limits) as made:
        yield made


@pytest.fixture
async def ada(ctx: Context) -> Actor:
    return await add_person(ctx, "ada")


@pytest.fixture
async def client(ctx: Context) -> AsyncIterator[Client]:
    async with served(ctx) as client:
        yield client


class Person:
    """Somebody who uploads."""

    def __init__(self, ctx: Context, who: Actor, client: Client) -> None:
        self._ctx, self._who, self._client = ctx, who, client

    async def call(self, method: str, path: str, json: Any = None) -> tuple[int, Any]:
        headers = signed_in(self._ctx, self._who)
        async with self._client.request(method, f"{UPLOADS}{path}", json=json, headers=headers) as answer:
            return answer.status, await answer.json() if answer.status != 204 else None

    async def announce(self, size: int, content_type: str = "image/png", name: str = "a.png") -> tuple[int, Any]:
        return await self.call("POST", "/presign", {"name": name, "contentType": content_type, "size": size})

    async def place(self, content: bytes, announced: int | None = None) -> str:
        """Announce and put; the upload's id."""
        _, place = await self.announce(len(content) if announced is None else announced)
        await put(place, content)
        return str(place["id"])

    async def complete(self, upload_id: str) -> tuple[int, Any]:
        return await self.call("POST", f"/{upload_id}/complete")


@pytest.fixture
def me(ctx: Context, ada: Actor, client: Client) -> Person:
    return Person(ctx, ada, client)


async def put(place: dict[str, Any], content: bytes) -> None:
    """As any HTTP client does."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(place["method"], place["url"], data=content, headers=place["headers"]) as answer,
    ):
        assert answer.status == 200


async def keys(ctx: Context) -> list[str]:
    return [listed.key async for listed in ctx.objects.list("")]


async def test_announce_put_complete_and_read(ctx: Context, ada: Actor, me: Person, client: Client) -> None:
    status, place = await me.announce(len(PHOTOGRAPH), "text/html", "Größe.html")
    assert (status, place["method"], place["headers"]) == (201, "PUT", {"Content-Type": "text/html"})
    assert "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost" in place["url"]
    assert place["expiresAt"] == "2026-01-02T03:19:05.000Z"
    await put(place, PHOTOGRAPH)
    status, made = await me.complete(place["id"])
    assert (status, made["id"]) == (200, place["id"])
    # What was said of it does not count.
    assert (made["contentType"], made["width"], made["height"], made["name"], made["size"]) == (
        "image/png", 1600, 1200, "Größe.html", len(PHOTOGRAPH),
    )  # fmt: skip
    async with client.get(made["url"]) as answer:
        assert (answer.content_type, await answer.read()) == ("image/png", PHOTOGRAPH)
    async with client.get(made["thumbnail"]["url"]) as answer:
        assert corners(decoded(await answer.read())) == "rgbw"
    assert await keys(ctx) == [f"uploads/{made['id']}/Groe.html", f"uploads/{made['id']}/thumbnail.webp"]
    assert await me.complete(made["id"]) == (200, made)
    assert await me.call("GET", f"/{made['id']}") == (200, made)
    assert list(incoming(ctx).iterdir()) == []


async def test_a_video_has_a_poster(me: Person, tmp_path: Path) -> None:
    status, made = await me.complete(await me.place(video(tmp_path / "v", "webm", "libvpx", quarters(320, 180))))
    assert (status, made["contentType"], made["thumbnail"]["width"]) == (200, "video/webm", 320)
    assert made["duration"] == pytest.approx(1.0, abs=0.1)


@pytest.mark.slow
async def test_what_is_put_straight_to_the_bucket_loses_its_metadata(
    ctx: Context, me: Person, client: Client, tmp_path: Path
) -> None:
    photo = files.jpeg()
    film = movies.of_a_phone(movies.recorded(tmp_path / "made", "mp4", "libx264"))
    for content, content_type in ((photo, "image/jpeg"), (film, "video/mp4"), (files.webp(), "image/webp")):
        assert files.secrets_in(content)
        status, made = await me.complete(await me.place(content))
        assert (status, made["contentType"]) == (200, content_type)
        for url in filter(None, (made["url"], (made["thumbnail"] or {}).get("url"))):
            async with client.get(url) as answer:
                assert files.secrets_in(await answer.read()) == []
        # Nobody finds the original either, by whatever key.
        for key in await keys(ctx):
            stored = b"".join([chunk async for chunk in ctx.objects.read(key)])
            assert files.secrets_in(stored) == [], key


async def test_what_cannot_be_cleaned_is_refused_and_gone(ctx: Context, me: Person) -> None:
    upload_id = await me.place(files.png()[:60] + bytes(500))
    status, problem = await me.complete(upload_id)
    assert (status, problem["code"]) == (422, "metadata_not_removable")
    assert (await keys(ctx), await ctx.uploads.count({})) == ([], 0)


async def test_what_is_put_after_it_was_looked_at_changes_nothing(
    ctx: Context, me: Person, client: Client
) -> None:
    _, place = await me.announce(len(PHOTOGRAPH))
    await put(place, PHOTOGRAPH)
    _, made = await me.complete(place["id"])
    await put(place, b"<script>".ljust(len(PHOTOGRAPH)))
    async with client.get(made["url"]) as answer:
        assert await answer.read() == PHOTOGRAPH
    assert await me.complete(place["id"]) == (200, made)
    await expire_unused(ctx, ctx.clock())
    assert f"incoming/{place['id']}" not in await keys(ctx)


async def test_until_it_is_complete_it_is_nothing(ctx: Context, me: Person) -> None:
    _, place = await me.announce(len(PHOTOGRAPH))
    status, problem = await me.complete(place["id"])
    assert (status, problem["code"]) == (409, "not_uploaded")
    await put(place, PHOTOGRAPH)
    assert (await me.call("GET", f"/{place['id']}"))[0] == 404
    assert (await me.complete(place["id"]))[0] == 200


@pytest.mark.parametrize(
    ("content", "announced", "status", "code", "loc"),
    [
        (b"", 5, 422, "invalid", "file"),
        (PHOTOGRAPH, 5, 422, "invalid", "size"),
        (png_claiming(50_000, 50_000), None, 422, "image_too_large", "file"),
        (b"x" * 20_001, None, 413, "too_large", "file"),
    ],
    ids=["empty", "another size", "a bomb", "too large for what it is"],
)
async def test_what_is_refused_elsewhere_is_refused_here_and_gone(
    ctx: Context, me: Person, content: bytes, announced: int | None, status: int, code: str, loc: str
) -> None:
    upload_id = await me.place(content, announced)
    answered, problem = await me.complete(upload_id)
    assert (answered, problem["code"], problem["errors"][0]["loc"]) == (status, code, loc)
    assert (await me.complete(upload_id))[0] == 404
    assert (await keys(ctx), await ctx.uploads.count({})) == ([], 0)


async def test_a_damaged_picture_is_a_plain_file(me: Person) -> None:
    status, made = await me.complete(await me.place(PHOTOGRAPH[:1500]))
    assert (status, made["contentType"], made["thumbnail"]) == (200, "application/octet-stream", None)


async def test_strangers_complete_nothing(ctx: Context, me: Person, client: Client) -> None:
    eve, upload_id = Person(ctx, await add_person(ctx, "eve"), client), await me.place(PHOTOGRAPH)
    assert (await eve.complete(upload_id))[0] == 403
    assert (await eve.call("DELETE", f"/{upload_id}"))[0] == 403
    assert (await me.complete("0" * 26))[0] == 404
    async with client.post(f"{UPLOADS}/{upload_id}/complete") as answer:
        assert answer.status == 401


@pytest.mark.parametrize(
    ("body", "locs"),
    [
        ({}, ["name", "contentType", "size"]),
        ({"name": "a", "contentType": "image", "size": 0}, ["contentType", "size"]),
        ({"name": "a", "contentType": "image/png\r\nX: y", "size": 1}, ["contentType"]),
        ({"name": "a", "contentType": "image/pñg", "size": 1}, ["contentType"]),
        ({"name": 1, "contentType": "image/png", "size": "1"}, ["name", "size"]),
        ({"name": "a" * 1001, "contentType": "image/png", "size": 2**53}, ["name", "size"]),
        ({"name": "a", "contentType": "image/png", "size": 1, "key": "x"}, ["key"]),
    ],
)
async def test_every_bad_field_is_named(me: Person, body: dict[str, Any], locs: list[str]) -> None:
    status, problem = await me.call("POST", "/presign", body)
    if status == 400:  # beyond what JSON readers keep
        return
    assert (status, [error["loc"] for error in problem["errors"]]) == (422, locs)


async def test_types_as_recorders_say_them_are_taken(me: Person) -> None:
    status, place = await me.announce(5, "video/webm;codecs=vp8, opus")
    assert (status, place["headers"]["Content-Type"]) == (201, "video/webm;codecs=vp8, opus")


async def test_what_is_too_large_is_not_even_announced(me: Person) -> None:
    status, problem = await me.announce(100_001)
    assert (status, problem["code"]) == (413, "too_large")
    assert problem["errors"] == [
        {"loc": "size", "msg": "image/png: at most 100,000 bytes (uploads.max_image_bytes)"}
    ]


async def test_what_is_announced_counts_as_kept(ctx: Context, me: Person) -> None:
    _, first = await me.announce(100_000)
    assert (await me.announce(100_000))[0] == 201
    status, problem = await me.announce(1)
    assert (status, problem["code"]) == (413, "quota_exceeded")
    assert (await me.call("DELETE", f"/{first['id']}"))[0] == 204
    assert (await me.announce(100_000))[0] == 201


async def test_few_may_be_announced_at_once(ctx: Context, me: Person) -> None:
    assert [(await me.announce(1))[0] for _ in range(21)] == [201] * 20 + [429]
    clock = ctx.clock
    assert isinstance(clock, HandClock)
    clock.advance(901)  # by now none of them can begin any more
    assert (await me.announce(1))[0] == 201


async def test_what_never_completes_expires_with_its_object(ctx: Context, me: Person) -> None:
    _, place = await me.announce(len(PHOTOGRAPH))
    await put(place, PHOTOGRAPH)
    clock = ctx.clock
    assert isinstance(clock, HandClock)
    clock.advance(86_399)
    assert await expire_unused(ctx, clock()) == 0
    assert await keys(ctx) == [f"incoming/{place['id']}"]
    clock.advance(2)
    assert await expire_unused(ctx, clock()) == 1
    assert (await keys(ctx), await ctx.uploads.count({})) == ([], 0)
    await put(place, PHOTOGRAPH)  # a late one
    await expire_unused(ctx, clock())
    assert await keys(ctx) == []


async def test_two_who_complete_it_at_once_get_one_upload(ctx: Context, me: Person) -> None:
    upload_id = await me.place(PHOTOGRAPH)
    found = await asyncio.gather(*(me.complete(upload_id) for _ in range(3)))
    good = [answer for status, answer in found if status == 200]
    assert good
    assert all(answer == good[0] for answer in good)
    assert {answer["code"] for status, answer in found if status != 200} <= {"completing"}
    assert await me.complete(upload_id) == (200, good[0])


async def test_a_failing_store_leaves_it_to_the_next_attempt(
    ctx: Context, me: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = await me.place(PHOTOGRAPH)

    async def fail(key: str, path: Path, content_type: str) -> None:
        raise Unavailable("objects_unavailable", "the bucket is full")

    with monkeypatch.context() as failing:
        failing.setattr(ctx.objects, "put_file", fail)
        assert (await me.complete(upload_id))[0] == 503
    assert (await me.complete(upload_id))[0] == 200


async def test_whoever_died_over_it_holds_it_for_a_while_only(ctx: Context, me: Person) -> None:
    upload_id, clock = await me.place(PHOTOGRAPH), ctx.clock
    assert isinstance(clock, HandClock)
    await ctx.uploads.update(upload_id, set={"claimedAt": clock()})
    status, problem = await me.complete(upload_id)
    assert (status, problem["code"]) == (409, "completing")
    clock.advance(901)
    assert (await me.complete(upload_id))[0] == 200


async def test_deleting_meanwhile_leaves_nothing(ctx: Context, me: Person) -> None:
    upload_id = await me.place(PHOTOGRAPH)
    completing = asyncio.create_task(me.complete(upload_id))
    async with asyncio.timeout(10):
        while not (await ctx.uploads.get(upload_id)).claimed_at:
            await asyncio.sleep(0.005)
    assert (await me.call("DELETE", f"/{upload_id}"))[0] == 204
    assert (await completing)[0] in (200, 404, 409)
    with pytest.raises(NotFound):
        await ctx.uploads.get(upload_id)
    assert await keys(ctx) == []


async def test_without_a_bucket_it_is_refused(uri: str, tmp_path: Path) -> None:
    async with stored_context(uri, tmp_path / "local") as ctx, served(ctx) as client:
        me = Person(ctx, await add_person(ctx, "ada"), client)
        status, problem = await me.announce(5)
        assert (status, problem["code"]) == (409, "presign_unavailable")
        assert await ctx.uploads.count({}) == 0
