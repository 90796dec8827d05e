"""Files lose their metadata on each way in, and those that were stored before that was done lose it later."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mediaserver.base.errors import Forbidden, Unavailable
from mediaserver.base.signing import ANYONE, SignedFile
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.uploads.uploads import METADATA_REMOVED, METADATA_STUCK, Upload, Use
from mediaserver.store.objects.local import LocalObjects
from mediaserver.usecases.context import Context
from mediaserver.usecases.files import file_access
from mediaserver.usecases.uploads import uploads
from mediaserver.usecases.uploads.stored_metadata import strip_stored
from tests.domain.metadata import files, movies
from tests.store.conftest import engine, shared_server, uri
from tests.usecases.stored_context import add_person, stored_context, upload

__all__ = ["engine", "shared_server", "uri"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO file"),
]


@pytest.fixture
async def ctx(uri: str, tmp_path: Path) -> AsyncIterator[Context]:
    async with stored_context(uri, tmp_path / "data") as made:
        yield made


@pytest.fixture
async def anna(ctx: Context) -> Actor:
    return await add_person(ctx, "anna")


async def content_of(ctx: Context, key: str) -> bytes:
    return b"".join([chunk async for chunk in ctx.objects.read(key)])


async def from_before(ctx: Context, anna: Actor, content: bytes, content_type: str, **more: Any) -> Upload:
    """An upload as earlier versions stored it: the bytes as they came, and no word about metadata."""
    made = await upload(ctx, anna)
    await ctx.objects.put_bytes(made.object_key, content, content_type)
    changed = {"size": len(content), "contentType": content_type} | more
    stored = await ctx.uploads.update_one({"_id": made.id}, set=changed, unset=["metadata"])
    assert stored is not None
    assert stored.metadata is None
    return stored


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif", "tiff", "avif"])
async def test_an_uploaded_picture_tells_no_place(ctx: Context, anna: Actor, kind: str) -> None:
    content: bytes = getattr(files, kind)()
    made = await upload(ctx, anna, content)
    stored = await content_of(ctx, made.object_key)
    assert files.secrets_in(stored) == []
    assert files.shown(stored) == files.shown(content)
    assert made.size == len(stored) == (await ctx.objects.stat(made.object_key)).size
    shown = kind not in ("tiff", "avif")
    assert (made.content_type, made.thumbnail is not None) == (
        (f"image/{kind}", True) if shown else ("application/octet-stream", False)
    )
    if made.thumbnail:
        assert files.secrets_in(await content_of(ctx, made.thumbnail_key)) == []


async def test_an_uploaded_video_tells_no_place(ctx: Context, anna: Actor, tmp_path: Path) -> None:
    content = movies.of_a_phone(movies.recorded(tmp_path / "made", "mp4", "libx264"))
    made = await upload(ctx, anna, content)
    stored = await content_of(ctx, made.object_key)
    assert (made.content_type, made.size) == ("video/mp4", len(content))
    assert files.secrets_in(stored) == []
    assert made.thumbnail is not None
    assert files.secrets_in(await content_of(ctx, made.thumbnail_key)) == []


async def test_a_text_that_begins_like_a_box_stays_as_it_is(ctx: Context, anna: Actor) -> None:
    for text in (b"The free world", b"Jon skipped school", b"The wide sea"):
        made = await upload(ctx, anna, text)
        assert (made.content_type, await content_of(ctx, made.object_key)) == ("text/plain", text)


async def test_files_from_before_are_cleaned_once(ctx: Context, anna: Actor) -> None:
    photo = await from_before(ctx, anna, files.jpeg(), "image/jpeg")
    plain = await from_before(ctx, anna, b"The free world", "text/plain")
    await upload(ctx, anna, files.png())
    etag = (await ctx.objects.stat(photo.object_key)).etag
    done = await strip_stored(ctx)
    assert (done.examined, done.changed, done.stuck) == (2, 1, [])
    cleaned = await ctx.uploads.get(photo.id)
    stored = await content_of(ctx, photo.object_key)
    assert files.secrets_in(stored) == []
    assert files.told(stored) == (6, files.PROFILE)
    assert cleaned.size == len(stored) < photo.size
    info = await ctx.objects.stat(photo.object_key)
    assert (info.content_type, info.etag != etag) == ("image/jpeg", True)
    assert await content_of(ctx, plain.object_key) == b"The free world"
    assert (await strip_stored(ctx)).examined == 0


def signed_for(ctx: Context, who: Actor, key: str) -> SignedFile:
    return SignedFile(key, who.link_holder, int(ctx.clock().timestamp()) + 60)


async def test_a_file_from_before_is_cleaned_before_it_is_served(ctx: Context, anna: Actor) -> None:
    photo = await from_before(ctx, anna, files.jpeg(), "image/jpeg")
    await uploads.mark_used(ctx, photo.id, Use(kind="profile", id=anna.user_id))
    link = signed_for(ctx, await add_person(ctx, "ben"), photo.object_key)
    await asyncio.gather(*(file_access.require(ctx, link) for _ in range(3)))
    stored = await content_of(ctx, photo.object_key)
    assert files.secrets_in(stored) == []
    assert (await ctx.uploads.get(photo.id)).size == len(stored)
    modified = (await ctx.objects.stat(photo.object_key)).modified
    await file_access.require(ctx, link)
    assert (await ctx.objects.stat(photo.object_key)).modified == modified
    assert (await strip_stored(ctx)).examined == 0


async def test_a_thumbnail_from_before_does_not_wait(ctx: Context, anna: Actor) -> None:
    photo = await from_before(ctx, anna, files.jpeg(), "image/jpeg")
    await file_access.require(ctx, signed_for(ctx, anna, photo.thumbnail_key))
    assert (await ctx.uploads.get(photo.id)).metadata is None


async def test_a_file_from_before_that_cannot_be_cleaned_is_not_served_to_others(
    ctx: Context, anna: Actor
) -> None:
    damaged = await from_before(ctx, anna, files.png()[:60] + bytes(500), "application/octet-stream")
    await uploads.mark_used(ctx, damaged.id, Use(kind="profile", id=anna.user_id))
    with pytest.raises(Forbidden):
        await file_access.require(ctx, signed_for(ctx, await add_person(ctx, "ben"), damaged.object_key))
    await file_access.require(ctx, signed_for(ctx, anna, damaged.object_key))


async def test_it_goes_on_where_it_was_cut_off(ctx: Context, anna: Actor) -> None:
    class Broken(LocalObjects):
        async def put_file(self, key: str, path: Path, content_type: str) -> None:  # type: ignore[override]
            raise Unavailable("objects_unavailable", "no space left on device")

    photo = await from_before(ctx, anna, files.jpeg(), "image/jpeg")
    with pytest.raises(Unavailable):
        await strip_stored(replace(ctx, objects=Broken(ctx.settings.data.dir / "objects")))
    assert (await ctx.uploads.get(photo.id)).metadata is None
    assert (await strip_stored(ctx)).changed == 1


async def test_what_cannot_be_cleaned_is_for_its_owner_only(ctx: Context, anna: Actor) -> None:
    damaged = await from_before(ctx, anna, files.png()[:60] + bytes(500), "application/octet-stream")
    await uploads.mark_used(ctx, damaged.id, Use(kind="profile", id=anna.user_id))
    ben = await add_person(ctx, "ben")
    await uploads.get(ctx, ben, damaged.id)
    assert (await strip_stored(ctx)).stuck == [damaged.id]
    assert (await ctx.uploads.get(damaged.id)).metadata == METADATA_STUCK
    with pytest.raises(Forbidden):
        await uploads.get(ctx, ben, damaged.id)
    asking = [ben.user_id, ANYONE.person, anna.user_id]
    assert await uploads.who_may_read(ctx, asking, damaged.id) == {anna.user_id}
    assert (await strip_stored(ctx)).examined == 0


async def test_what_could_not_be_cleaned_is_tried_again_on_request(ctx: Context, anna: Actor) -> None:
    photo = await from_before(ctx, anna, files.jpeg(), "image/jpeg")
    await ctx.uploads.update(photo.id, set={"metadata": METADATA_STUCK})
    assert (await strip_stored(ctx)).examined == 0
    assert (await strip_stored(ctx, retry_stuck=True)).changed == 1
    assert files.secrets_in(await content_of(ctx, photo.object_key)) == []
    assert (await ctx.uploads.get(photo.id)).metadata == METADATA_REMOVED


async def test_one_whose_file_is_gone_is_passed_over(ctx: Context, anna: Actor) -> None:
    photo = await from_before(ctx, anna, files.jpeg(), "image/jpeg")
    await ctx.objects.delete(photo.object_key)
    assert (await strip_stored(ctx)).examined == 1
    assert (await strip_stored(ctx)).examined == 0
