import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from mediaserver.base.errors import Unavailable
from mediaserver.base.settings.tree import Objects
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.uploads.uploads import Upload, Use
from mediaserver.store.objects.local import LocalObjects
from mediaserver.usecases.context import Context
from mediaserver.usecases.uploads import uploads
from tests.api.served import Client, served
from tests.store.conftest import engine, shared_server, uri
from tests.store.objects.conftest import s3_admin, s3_endpoint, s3_settings
from tests.usecases.pictures import corners, decoded, encoded, quarters
from tests.usecases.stored_context import (
    PNG,
    HandClock,
    add_participant,
    add_person,
    add_session,
    stored_context,
)

__all__ = ["engine", "s3_admin", "s3_endpoint", "s3_settings", "shared_server", "uri"]


@pytest.fixture(params=["local", "s3"])
async def ctx(request: pytest.FixtureRequest, uri: str, tmp_path: Path) -> AsyncIterator[Context]:
    objects = Objects() if request.param == "local" else request.getfixturevalue("s3_settings")
    async with stored_context(uri, tmp_path / "data", objects=objects) as made:
        yield made


@pytest.fixture
async def anna(ctx: Context) -> Actor:
    return await add_person(ctx, "anna")


@pytest.fixture
async def client(ctx: Context) -> AsyncIterator[Client]:
    async with served(ctx) as client:
        yield client


async def keep(ctx: Context, who: Actor, content: bytes, name: str = "a.png") -> Upload:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    return await uploads.create(ctx, who, name, chunks())


def url_for(ctx: Context, who: Actor, upload: Upload) -> URL:
    return URL(uploads.describe(ctx, who, upload)["url"])


async def refusal(client: Client, url: URL, **headers: str) -> tuple[int, str]:
    async with client.get(url, headers=headers) as answer:
        assert answer.content_type == "application/problem+json"
        return answer.status, (await answer.json())["code"]


async def test_a_picture_is_served_and_shown_in_place(ctx: Context, anna: Actor, client: Client) -> None:
    url = url_for(ctx, anna, await keep(ctx, anna, PNG, "Bär.png"))
    async with client.get(url) as answer:
        assert (answer.status, await answer.read()) == (200, PNG)
        headers = answer.headers
    assert headers["Content-Type"] == "image/png"
    assert headers["Content-Length"] == str(len(PNG))
    assert headers["Content-Disposition"] == "inline; filename=\"B_r.png\"; filename*=UTF-8''B%C3%A4r.png"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Cache-Control"].startswith("private")


@pytest.mark.parametrize("content", [b"<script>alert(1)</script>", b'<svg xmlns="http://www.w3.org/2000/svg"/>'])
async def test_what_could_run_is_saved_as_text(ctx: Context, anna: Actor, client: Client, content: bytes) -> None:
    async with client.get(url_for(ctx, anna, await keep(ctx, anna, content, 'x".html'))) as answer:
        assert await answer.read() == content
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="x_.html";')


@pytest.mark.parametrize(
    ("wanted", "part", "content_range"),
    [
        ("bytes=0-3", slice(0, 4), f"bytes 0-3/{len(PNG)}"),
        ("bytes=4-", slice(4, None), f"bytes 4-{len(PNG) - 1}/{len(PNG)}"),
        ("bytes=-5", slice(-5, None), f"bytes {len(PNG) - 5}-{len(PNG) - 1}/{len(PNG)}"),
    ],
)
async def test_a_part(
    ctx: Context, anna: Actor, client: Client, wanted: str, part: slice, content_range: str
) -> None:
    url = url_for(ctx, anna, await keep(ctx, anna, PNG))
    async with client.get(url, headers={"Range": wanted}) as answer:
        assert (answer.status, await answer.read()) == (206, PNG[part])
        assert answer.headers["Content-Range"] == content_range
        etag = answer.headers["ETag"]
    async with client.get(url, headers={"Range": wanted, "If-Range": etag}) as answer:
        assert answer.status == 206
    async with client.get(url, headers={"Range": wanted, "If-Range": '"other"'}) as answer:
        assert (answer.status, await answer.read()) == (200, PNG)


async def test_a_part_beyond_the_end(ctx: Context, anna: Actor, client: Client) -> None:
    url = url_for(ctx, anna, await keep(ctx, anna, PNG))
    async with client.get(url, headers={"Range": "bytes=1000-"}) as answer:
        assert answer.status == 416
        assert answer.headers["Content-Range"] == f"bytes */{len(PNG)}"
        assert (await answer.json())["code"] == "range_not_satisfiable"


async def test_a_version_that_the_client_has_is_not_sent_again(ctx: Context, anna: Actor, client: Client) -> None:
    url = url_for(ctx, anna, await keep(ctx, anna, PNG))
    async with client.get(url) as answer:
        etag = answer.headers["ETag"]
    async with client.get(url, headers={"If-None-Match": etag}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")
        assert answer.headers["ETag"] == etag
    assert await refusal(client, url, **{"If-Match": '"other"'}) == (412, "precondition_failed")


async def test_head_tells_without_the_bytes(ctx: Context, anna: Actor, client: Client) -> None:
    url = url_for(ctx, anna, await keep(ctx, anna, PNG))
    async with client.head(url, headers={"Range": "bytes=0-3"}) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
        assert answer.headers["Content-Length"] == str(len(PNG))


async def test_an_altered_url_is_refused(ctx: Context, anna: Actor, client: Client) -> None:
    bert = await add_person(ctx, "bert")
    mine, other = await keep(ctx, anna, PNG), await keep(ctx, anna, PNG + b"2")
    url = url_for(ctx, anna, mine)
    for altered in (
        url.update_query(person=bert.user_id),
        url.update_query(expires="99999999999"),
        url.update_query(name="x.html"),
        url.update_query(signature="x" * 43),
        url.with_query(None),
        url.with_path(f"/files/{other.object_key}", keep_query=True),
        URL(f"/files/uploads/%2e%2e/secrets/jwt.key?{url.query_string}", encoded=True),
    ):
        assert await refusal(client, altered) == (403, "bad_signature")


async def test_an_expired_url_is_refused(ctx: Context, anna: Actor, client: Client) -> None:
    clock = ctx.clock
    assert isinstance(clock, HandClock)
    url = url_for(ctx, anna, await keep(ctx, anna, PNG))
    clock.advance(3601)
    assert await refusal(client, url) == (403, "expired")


async def test_a_right_that_ended_ends_the_url(ctx: Context, anna: Actor, client: Client) -> None:
    bert = await add_person(ctx, "bert")
    session, upload = await add_session(ctx, anna), await keep(ctx, anna, PNG)
    await uploads.mark_used(ctx, upload.id, Use(kind="session", id=session.id))
    url = url_for(ctx, bert, upload)
    assert await refusal(client, url) == (403, "forbidden")
    await add_participant(ctx, session, bert)
    async with client.get(url) as answer:
        assert answer.status == 200
    await ctx.users.update(bert.user_id, set={"active": False})
    assert await refusal(client, url) == (403, "login_over")


async def test_a_face_is_served_to_everyone_who_has_its_url_while_it_is_one(
    ctx: Context, anna: Actor, client: Client
) -> None:
    photograph = encoded(quarters(1600, 1200), "PNG")
    upload, use = await keep(ctx, anna, photograph), Use(kind="profile", id=anna.user_id)
    url = URL(uploads.face_url(ctx, upload))
    assert await refusal(client, url) == (403, "forbidden")
    await uploads.mark_used(ctx, upload.id, use)
    async with client.get(url) as answer:
        small = decoded(await answer.read())
    assert (small.size, corners(small)) == ((640, 480), "rgbw")
    assert await refusal(client, url.update_query(person=anna.user_id)) == (403, "bad_signature")
    await uploads.release(ctx, upload.id, use)
    assert await refusal(client, url) == (403, "forbidden")


async def test_a_thumbnail_is_for_those_who_may_read_its_upload(
    ctx: Context, anna: Actor, client: Client
) -> None:
    bert = await add_person(ctx, "bert")
    session, upload = await add_session(ctx, anna), await keep(ctx, anna, PNG)
    url = URL(uploads.describe(ctx, bert, upload)["thumbnail"]["url"])
    assert await refusal(client, url) == (403, "forbidden")
    await uploads.mark_used(ctx, upload.id, Use(kind="session", id=session.id))
    await add_participant(ctx, session, bert)
    async with client.get(url) as answer:
        assert (answer.status, answer.content_type) == (200, "image/webp")
        assert answer.headers["Content-Disposition"] == "inline"
        assert corners(decoded(await answer.read())) == "rgbw"


async def test_keys_that_nobody_judges_are_refused(ctx: Context, anna: Actor, client: Client) -> None:
    await ctx.objects.put_bytes("secret/1/x", b"x", "text/plain")
    url = URL(ctx.signer.url("secret/1/x", anna.link_holder, ctx.clock(), 60))
    assert await refusal(client, url) == (403, "forbidden")


async def test_a_deleted_file_is_missing(ctx: Context, anna: Actor, client: Client) -> None:
    upload = await keep(ctx, anna, PNG)
    await ctx.objects.delete(upload.object_key)
    assert await refusal(client, url_for(ctx, anna, upload)) == (404, "not_found")


async def test_many_parts_at_once_of_something_large(ctx: Context, anna: Actor, client: Client) -> None:
    whole = bytes(range(256)) * 8_000
    url = url_for(ctx, anna, await keep(ctx, anna, whole))

    async def part(start: int) -> bytes:
        async with client.get(url, headers={"Range": f"bytes={start}-{start + 399_999}"}) as answer:
            assert answer.status == 206
            return await answer.read()

    parts = await asyncio.gather(*(part(start) for start in range(0, len(whole), 400_000)))
    assert b"".join(parts) == whole


@pytest.mark.parametrize("ctx", ["s3"], indirect=True)
async def test_a_redirect_when_the_settings_say_so(ctx: Context, anna: Actor) -> None:
    upload = await keep(ctx, anna, PNG)
    ctx = with_objects(ctx, redirect=True)
    async with served(ctx) as client, client.get(url_for(ctx, anna, upload), allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Cache-Control"]) == (302, "no-store")
        target = answer.headers["Location"]
    assert "X-Amz-Expires=60" in target
    async with aiohttp.ClientSession() as elsewhere, elsewhere.get(URL(target, encoded=True)) as answer:
        assert await answer.read() == PNG
        assert answer.headers["Content-Disposition"].startswith("inline")


@pytest.mark.parametrize("ctx", ["local"], indirect=True)
async def test_a_store_that_fails_in_the_middle_cuts_the_connection(ctx: Context, anna: Actor) -> None:
    class Failing(LocalObjects):
        async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
            yield PNG[:10]
            raise Unavailable("objects_unavailable", "the disk is gone")

    upload = await keep(ctx, anna, PNG)
    broken = with_objects(ctx)
    object.__setattr__(broken, "objects", Failing(ctx.settings.data.dir / "objects"))
    async with served(broken) as client, client.get(url_for(ctx, anna, upload)) as answer:
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


def with_objects(ctx: Context, **changes: Any) -> Context:
    """The context with other settings for objects."""
    objects = ctx.settings.objects.model_copy(update=changes)
    return replace(ctx, settings=ctx.settings.model_copy(update={"objects": objects}))
