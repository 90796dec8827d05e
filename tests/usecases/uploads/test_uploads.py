from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediaserver.base.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge
from mediaserver.base.settings import tree as config
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.uploads.media_types import HEAD_BYTES
from mediaserver.domain.uploads.uploads import Use
from mediaserver.usecases.context import Context
from mediaserver.usecases.uploads import uploads
from tests.store.conftest import engine, shared_server, uri
from tests.usecases.stored_context import (
    PNG,
    add_participant,
    add_person,
    add_session,
    make_media,
    stored_context,
    upload,
    waiting,
)

__all__ = ["engine", "shared_server", "uri"]


@pytest.fixture
async def ctx(uri: str, tmp_path: Path) -> AsyncIterator[Context]:
    limits = config.Uploads(max_image_bytes=1000, max_file_bytes=2000, max_audio_bytes=50_000, unused_ttl_s=3600)
    async with stored_context(uri, tmp_path / "data", uploads=limits) as made:
        yield made


@pytest.fixture
async def anna(ctx: Context) -> Actor:
    return await add_person(ctx, "anna")


async def test_a_picture_is_stored_with_its_true_type_and_size(ctx: Context, anna: Actor) -> None:
    made = await upload(ctx, anna, name="C:\\Bilder\\Größe.svg")
    assert (made.content_type, made.width, made.height, made.size) == ("image/png", 640, 360, len(PNG))
    assert (made.name, made.object_key) == ("Größe.svg", f"uploads/{made.id}/Groe.svg")
    assert b"".join([chunk async for chunk in ctx.objects.read(made.object_key)]) == PNG
    assert (await ctx.objects.stat(made.object_key)).content_type == "image/png"
    assert await uploads.get(ctx, anna, made.id) == made
    assert waiting(ctx) == []


async def test_it_is_described_with_a_url_for_its_reader(ctx: Context, anna: Actor) -> None:
    made = await upload(ctx, anna)
    wire = uploads.describe(ctx, anna, made)
    url, thumbnail = wire.pop("url"), wire.pop("thumbnail")
    assert url.startswith(f"/files/uploads/{made.id}/a.png?person={anna.user_id}&login={anna.login_id}&epoch=0&")
    assert wire == {
        "id": made.id,
        "contentType": "image/png",
        "size": len(PNG),
        "name": "a.png",
        "width": 640,
        "height": 360,
        "duration": None,
    }
    small = thumbnail.pop("url")
    assert small.startswith(
        f"/files/uploads/{made.id}/thumbnail.webp?person={anna.user_id}&login={anna.login_id}&"
    )
    assert thumbnail == {"width": 640, "height": 360}


@pytest.mark.parametrize(
    ("container", "video", "audio", "content_type"),
    [
        ("webm", "libvpx", "libopus", "video/webm"),
        ("webm", None, "libopus", "audio/webm"),
        ("mp4", "libx264", None, "video/mp4"),
        ("ogg", None, "libopus", "audio/ogg"),
        ("mp3", None, "libmp3lame", "audio/mpeg"),
    ],
)
async def test_sound_and_video_have_a_duration(
    ctx: Context,
    anna: Actor,
    tmp_path: Path,
    container: str,
    video: str | None,
    audio: str | None,
    content_type: str,
) -> None:
    made = await upload(ctx, anna, make_media(tmp_path / "made", container, video, audio), "take")
    assert made.content_type == content_type
    assert (made.width, made.height) == ((160, 120) if video else (None, None))
    assert made.duration_s == pytest.approx(2.0, abs=0.1)


async def test_video_that_cannot_be_read_is_a_plain_file(ctx: Context, anna: Actor) -> None:
    empty = b"\0\0\0\x10ftypisom\0\0\0\0", b"\x1aE\xdf\xa3\x88\x42\x82\x84webm"
    for content in (*empty, b"OggS\0\2" + bytes(20) + b"\1\xff" + bytes(255), b"fLaC"):
        assert (await upload(ctx, anna, content)).content_type == "application/octet-stream"


async def test_video_that_cannot_be_followed_is_refused(ctx: Context, anna: Actor) -> None:
    """Nobody knows what it tells of its place."""
    for start in (b"\x1aE\xdf\xa3\x9fB\x82\x84webm", b"\0\0\0\x20ftypisom", b"OggS"):
        with pytest.raises(Invalid) as refused:
            await upload(ctx, anna, start + bytes(500))
        assert refused.value.code == "metadata_not_removable"


async def test_a_playlist_in_disguise_reads_no_other_file(ctx: Context, anna: Actor, tmp_path: Path) -> None:
    secret = tmp_path / "secret.ts"
    secret.write_bytes(b"secret")
    made = await upload(ctx, anna, f"#EXTM3U\n#EXTINF:1,\n{secret}\n".encode(), "a.mp4")
    assert (made.content_type, made.duration_s) == ("text/plain", None)


async def test_each_type_has_its_limit_and_the_error_names_it(ctx: Context, anna: Actor) -> None:
    with pytest.raises(TooLarge, match=r"image/png: at most 1,000 bytes \(uploads.max_image_bytes\)"):
        await upload(ctx, anna, PNG + bytes(1000))
    assert (await upload(ctx, anna, b"a" * 2000)).content_type == "text/plain"
    with pytest.raises(TooLarge, match=r"uploads\.max_file_bytes"):
        await upload(ctx, anna, b"a" * 2001)
    assert waiting(ctx) == []


async def test_what_is_too_large_is_not_read_to_its_end(ctx: Context, anna: Actor) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 65536
            yield b"a" * 65536

    with pytest.raises(TooLarge):
        await uploads.create(ctx, anna, "a", endless())
    assert read <= HEAD_BYTES + 65536


async def test_nothing_is_refused(ctx: Context, anna: Actor) -> None:
    with pytest.raises(Invalid, match="the file is empty"):
        await upload(ctx, anna, b"")


async def test_a_client_that_goes_away_leaves_nothing(ctx: Context, anna: Actor) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield PNG
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        await uploads.create(ctx, anna, "a", broken())
    assert waiting(ctx) == []
    assert await ctx.uploads.count({}) == 0


async def test_strangers_may_not_read_it_and_users_of_it_may(ctx: Context, anna: Actor) -> None:
    bert, carl, dora = [await add_person(ctx, name) for name in ("bert", "carl", "dora")]
    made, session = await upload(ctx, anna), await add_session(ctx, carl)
    with pytest.raises(Forbidden):
        await uploads.get(ctx, bert, made.id)
    await add_participant(ctx, session, bert)
    await add_participant(ctx, session, dora, removed=True)
    assert bert.user_id not in await uploads.who_may_read(ctx, [bert.user_id], made.id)
    used = await uploads.mark_used(ctx, made.id, Use(kind="session", id=session.id))
    assert used.used
    assert await uploads.get(ctx, bert, made.id) == used
    readers = [
        who.username
        for who in (anna, bert, carl, dora)
        if (who.user_id in await uploads.who_may_read(ctx, [who.user_id], made.id))
    ]
    assert readers == ["anna", "bert", "carl"]
    assert "usedBy" not in used.to_wire()


async def test_admins_read_everything_and_the_deactivated_nothing(ctx: Context, anna: Actor) -> None:
    boss = await add_person(ctx, "boss", "admin")
    made = await upload(ctx, anna)
    assert boss.user_id in await uploads.who_may_read(ctx, [boss.user_id], made.id)
    await ctx.users.update(anna.user_id, set={"active": False})
    assert anna.user_id not in await uploads.who_may_read(ctx, [anna.user_id], made.id)
    assert boss.user_id not in await uploads.who_may_read(ctx, [boss.user_id], "none")


async def test_everyone_sees_a_profile_picture(ctx: Context, anna: Actor) -> None:
    bert, made = await add_person(ctx, "bert"), await upload(ctx, anna)
    await uploads.mark_used(ctx, made.id, Use(kind="profile", id=anna.user_id))
    assert bert.user_id in await uploads.who_may_read(ctx, [bert.user_id], made.id)


async def test_only_its_owner_deletes_it_and_only_unused(ctx: Context, anna: Actor) -> None:
    bert, made = await add_person(ctx, "bert"), await upload(ctx, anna)
    with pytest.raises(Forbidden):
        await uploads.delete(ctx, bert, made.id)
    use = Use(kind="session", id="1")
    await uploads.mark_used(ctx, made.id, use)
    with pytest.raises(Conflict) as caught:
        await uploads.delete(ctx, anna, made.id)
    assert caught.value.code == "in_use"
    await uploads.release(ctx, made.id, use)
    await uploads.delete(ctx, anna, made.id)
    with pytest.raises(NotFound):
        await uploads.get(ctx, anna, made.id)
    with pytest.raises(NotFound):
        await ctx.objects.stat(made.object_key)
    with pytest.raises(NotFound):
        await uploads.mark_used(ctx, made.id, use)
