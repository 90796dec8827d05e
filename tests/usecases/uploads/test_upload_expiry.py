import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mediaserver.base.errors import NotFound, Unavailable
from mediaserver.base.settings import tree as config
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.chat_messages import ChatMessage
from mediaserver.domain.social.tweets import Content, Tweet
from mediaserver.domain.uploads.uploads import Upload, Use
from mediaserver.store.objects.local import LocalObjects
from mediaserver.usecases.context import Context
from mediaserver.usecases.uploads import uploads
from mediaserver.usecases.uploads.storage_quota import incoming
from mediaserver.usecases.uploads.upload_expiry import clear_incoming, expire_unused
from tests.store.conftest import engine, shared_server, uri
from tests.usecases.stored_context import NOW, HandClock, add_person, add_session, stored_context, upload, waiting

__all__ = ["engine", "shared_server", "uri"]


@pytest.fixture
async def ctx(uri: str, tmp_path: Path) -> AsyncIterator[Context]:
    async with stored_context(uri, tmp_path / "data", uploads=config.Uploads(unused_ttl_s=3600)) as made:
        yield made


@pytest.fixture
async def anna(ctx: Context) -> Actor:
    return await add_person(ctx, "anna")


async def test_what_nothing_uses_expires(ctx: Context, anna: Actor) -> None:
    clock = ctx.clock
    assert isinstance(clock, HandClock)
    unused, used = await upload(ctx, anna), await upload(ctx, anna)
    await uploads.mark_used(ctx, used.id, Use(kind="of something unknown", id="1"))
    clock.advance(1800)
    recent = await upload(ctx, anna)
    clock.advance(1801)
    assert await expire_unused(ctx, clock()) == 1
    assert {one.id for one in await ctx.uploads.find({})} == {used.id, recent.id}
    with pytest.raises(NotFound):
        await ctx.objects.stat(unused.object_key)
    await ctx.objects.stat(used.object_key)


async def test_what_a_broken_store_left_is_swept(ctx: Context, anna: Actor) -> None:
    class Full(LocalObjects):
        async def put_file(self, key: str, path: Path, content_type: str) -> None:  # type: ignore[override]
            raise Unavailable("objects_unavailable", "no space left on device")

    with pytest.raises(Unavailable):
        await upload(replace(ctx, objects=Full(ctx.settings.data.dir / "objects")), anna)
    (pending,) = await ctx.uploads.find({})
    with pytest.raises(NotFound):
        await uploads.get(ctx, anna, pending.id)
    clock = ctx.clock
    assert isinstance(clock, HandClock)
    clock.advance(3601)
    assert await expire_unused(ctx, clock()) == 1
    assert await ctx.uploads.count({}) == 0


async def test_what_died_with_the_server_is_swept_from_the_disk(ctx: Context) -> None:
    left = incoming(ctx) / "upload-dead"
    left.mkdir()
    (left / "file").write_bytes(b"half")
    os.utime(left, (NOW.timestamp() - 100_000,) * 2)
    young = incoming(ctx) / "upload-alive"
    young.mkdir()
    os.utime(young, (NOW.timestamp() - 100,) * 2)
    await expire_unused(ctx, NOW)
    assert waiting(ctx) == [young]


async def keep(ctx: Context, who: Actor, count: int) -> list[Upload]:
    """Uploads without bytes: the store does not miss what it never had."""
    made = [
        Upload(
            **ctx.stamp(),
            owner_user_id=who.user_id,
            content_type="text/plain",
            size=1,
            name="a",
            object_key=f"uploads/{number}/a",
        )
        for number in range(count)
    ]
    return [await ctx.uploads.add(one) for one in made]


async def test_any_number_goes_in_one_sweep(ctx: Context, anna: Actor) -> None:
    await keep(ctx, anna, 250)
    clock = ctx.clock
    assert isinstance(clock, HandClock)
    clock.advance(3601)
    assert await expire_unused(ctx, clock()) == 250
    assert await ctx.uploads.count({}) == 0


class Stubborn(LocalObjects):
    """Deletes no object whose key is among `kept`."""

    kept: frozenset[str] = frozenset()

    async def delete(self, key: str) -> None:
        if key in self.kept:
            raise Unavailable("objects_unavailable", "permission denied")
        await super().delete(key)


async def test_objects_that_cannot_be_deleted_keep_no_other_from_going(ctx: Context, anna: Actor) -> None:
    made, clock = await keep(ctx, anna, 8), ctx.clock
    assert isinstance(clock, HandClock)
    clock.advance(3601)
    store = Stubborn(ctx.settings.data.dir / "objects")
    store.kept = frozenset({made[0].object_key, made[3].object_key})
    assert await expire_unused(replace(ctx, objects=store), clock()) == 6
    assert {one.id for one in await ctx.uploads.find({})} == {made[0].id, made[3].id}
    store.kept = frozenset()
    assert await expire_unused(replace(ctx, objects=store), clock()) == 2


async def test_a_store_that_is_away_ends_the_sweep(ctx: Context, anna: Actor) -> None:
    made, clock = await keep(ctx, anna, 8), ctx.clock
    assert isinstance(clock, HandClock)
    clock.advance(3601)
    store = Stubborn(ctx.settings.data.dir / "objects")
    store.kept = frozenset(one.object_key for one in made)
    with pytest.raises(Unavailable):
        await expire_unused(replace(ctx, objects=store), clock())
    assert await expire_unused(ctx, clock()) == 8


async def test_a_mark_whose_writer_died_before_it_stored_anything_is_undone(ctx: Context, anna: Actor) -> None:
    session, clock = await add_session(ctx, anna), ctx.clock
    assert isinstance(clock, HandClock)
    shown, forgotten, face, no_face = [await upload(ctx, anna) for _ in range(4)]
    chat, person = Use(kind="session", id=session.id), Use(kind="profile", id=anna.user_id)
    stamp = ctx.stamp()
    said = {"user_id": anna.user_id, "timestamp": NOW, "content": Content(media=[face.id])}
    tweet = await ctx.of(Tweet).add(Tweet(**stamp, **said, settled=True))
    document, missing = Use(kind="tweets", id=tweet.id), Use(kind="tweets", id="never")
    for made, use in (
        (shown, chat), (shown, missing), (shown, document), (forgotten, chat), (forgotten, document),
        (face, person), (face, document), (no_face, person),
    ):  # fmt: skip
        await uploads.mark_used(ctx, made.id, use)
    await ctx.users.update(anna.user_id, set={"profileImage": face.id})
    await ctx.messages.add(
        ChatMessage(
            **ctx.stamp(),
            session_kind="video",
            session_id=session.id,
            sender_user_id=anna.user_id,
            content_type="Image",
            content=shown.id,
            timestamp=clock(),
            sequence=1,
            client_id="1",
        )
    )
    clock.advance(3599)
    await expire_unused(ctx, clock())
    assert (await ctx.uploads.get(forgotten.id)).used  # its writer may still be at work
    clock.advance(2)
    await expire_unused(ctx, clock())
    left = {one.id: one.used_by for one in await ctx.uploads.find({})}
    assert left == {shown.id: [chat], face.id: [person, document]}


async def test_each_mark_is_looked_at_once(ctx: Context, anna: Actor) -> None:
    clock, made = ctx.clock, await upload(ctx, anna)
    assert isinstance(clock, HandClock)
    await ctx.users.update(anna.user_id, set={"profileImage": made.id})
    await uploads.mark_used(ctx, made.id, Use(kind="profile", id=anna.user_id))
    clock.advance(3601)
    await expire_unused(ctx, clock())
    assert (await ctx.uploads.get(made.id)).marked_at is None


async def test_what_a_killed_server_was_receiving_is_removed_at_the_next_start(ctx: Context) -> None:
    left = incoming(ctx) / "upload-abc"
    left.mkdir()
    (left / "file").write_bytes(b"half of a film")
    await clear_incoming(ctx, datetime.now(UTC) - timedelta(days=1))
    assert left.exists()
    await clear_incoming(ctx, datetime.now(UTC) + timedelta(seconds=1))
    assert list(incoming(ctx).iterdir()) == []
