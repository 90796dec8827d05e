from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediaserver.domain.documents.actor import Actor
from mediaserver.usecases.context import Context
from mediaserver.usecases.uploads.consistency_check import compare
from tests.store.conftest import engine, shared_server, uri
from tests.usecases.stored_context import HandClock, add_person, stored_context, upload

__all__ = ["engine", "shared_server", "uri"]


@pytest.fixture
async def ctx(uri: str, tmp_path: Path) -> AsyncIterator[Context]:
    async with stored_context(uri, tmp_path / "data") as made:
        yield made


@pytest.fixture
async def ada(ctx: Context) -> Actor:
    return await add_person(ctx, "ada")


async def test_what_parted_is_found(ctx: Context, ada: Actor) -> None:
    whole, headless, lost, forgotten = [await upload(ctx, ada) for _ in range(4)]
    await ctx.objects.delete(headless.thumbnail_key)
    await ctx.objects.delete(lost.object_key)
    await ctx.uploads.delete(forgotten.id)
    await ctx.objects.put_bytes(f"uploads/{whole.id}/other.txt", b"x", "text/plain")
    await ctx.objects.put_bytes("recordings/1/program.mp4", b"x", "video/mp4")
    clock = ctx.clock
    assert isinstance(clock, HandClock)
    clock.advance(1)
    found = await compare(ctx)
    assert {one.id for one in found.broken} == {headless.id, lost.id}
    assert found.strays == sorted([*forgotten.keys, f"uploads/{whole.id}/other.txt"])


async def test_what_is_under_way_is_no_fault(ctx: Context, ada: Actor) -> None:
    coming, young = await upload(ctx, ada), await upload(ctx, ada)
    await ctx.uploads.update(coming.id, set={"status": "pending"})
    await ctx.objects.delete(coming.thumbnail_key)
    await ctx.objects.delete(young.object_key)  # made at the very moment in which the comparison begins
    found = await compare(ctx)
    assert (found.broken, found.strays) == ([], [])
