"""How much one person may keep."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediaserver.base.errors import TooLarge
from mediaserver.base.settings import tree as config
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.uploads.uploads import Upload
from mediaserver.usecases.context import Context
from mediaserver.usecases.uploads import uploads
from tests.store.conftest import engine, shared_server, uri
from tests.usecases.stored_context import add_person, stored_context, upload, waiting

__all__ = ["engine", "shared_server", "uri"]


@pytest.fixture
async def ctx(uri: str, tmp_path: Path) -> AsyncIterator[Context]:
    async with stored_context(uri, tmp_path / "data", uploads=config.Uploads(max_bytes_per_person=1000)) as made:
        yield made


@pytest.fixture
async def ada(ctx: Context) -> Actor:
    return await add_person(ctx, "ada")


async def test_one_person_keeps_a_bounded_number_of_bytes(ctx: Context, ada: Actor) -> None:
    eve, first = await add_person(ctx, "eve"), await upload(ctx, ada, b"a" * 600)
    with pytest.raises(TooLarge, match=r"1,000 bytes \(uploads.max_bytes_per_person\)") as caught:
        await upload(ctx, ada, b"a" * 401)
    assert caught.value.code == "quota_exceeded"
    assert waiting(ctx) == []
    await upload(ctx, ada, b"a" * 400)
    await upload(ctx, eve, b"a" * 1000)
    with pytest.raises(TooLarge):
        await upload(ctx, ada, b"a")
    await uploads.delete(ctx, ada, first.id)
    await upload(ctx, ada, b"a" * 600)


async def test_what_there_is_no_room_for_is_not_read_to_its_end(ctx: Context, ada: Actor) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 100
            yield b"a" * 100

    with pytest.raises(TooLarge):
        await uploads.create(ctx, ada, "a", endless())
    assert read == 1100


async def test_many_at_once_do_not_exceed_it_together(ctx: Context, ada: Actor) -> None:
    found = await asyncio.gather(*(upload(ctx, ada, b"a" * 300) for _ in range(8)), return_exceptions=True)
    kept = [one for one in found if isinstance(one, Upload)]
    assert len(kept) <= 3
    assert all(isinstance(one, (Upload, TooLarge)) for one in found)
    assert await ctx.uploads.count({}) == len(kept)
