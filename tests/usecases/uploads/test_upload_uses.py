import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mediaserver.base.errors import FieldError, Invalid, NotFound
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.uploads.uploads import Upload, Use
from mediaserver.usecases.context import Context
from mediaserver.usecases.uploads import uploads
from tests.store.conftest import engine, shared_server, uri
from tests.usecases.stored_context import add_person, stored_context, upload

__all__ = ["engine", "shared_server", "uri"]

TWEET, OTHER = Use(kind="tweets", id="1"), Use(kind="tweets", id="2")


@pytest.fixture
async def ctx(uri: str, tmp_path: Path) -> AsyncIterator[Context]:
    async with stored_context(uri, tmp_path / "data") as made:
        yield made


@pytest.fixture
async def ada(ctx: Context) -> Actor:
    return await add_person(ctx, "ada")


async def uses(ctx: Context, *of: Upload) -> list[tuple[bool, list[Use]]]:
    found = [await ctx.uploads.get(one.id) for one in of]
    return [(one.used, one.used_by) for one in found]


async def test_using_it_twice_is_one_use_and_the_last_release_frees_it(ctx: Context, ada: Actor) -> None:
    made = await upload(ctx, ada)
    await asyncio.gather(*(uploads.mark_used(ctx, made.id, use) for use in (TWEET, OTHER, TWEET, OTHER)))
    await uploads.release(ctx, made.id, TWEET)
    assert await uses(ctx, made) == [(True, [OTHER])]
    await uploads.release(ctx, made.id, TWEET)
    assert await uses(ctx, made) == [(True, [OTHER])]
    await uploads.release(ctx, made.id, OTHER)
    assert await uses(ctx, made) == [(False, [])]


async def test_releases_at_once_leave_nothing_used_by_nothing(ctx: Context, ada: Actor) -> None:
    made, several = await upload(ctx, ada), [Use(kind="tweets", id=str(n)) for n in range(20)]
    for use in several:
        await uploads.mark_used(ctx, made.id, use)
    await asyncio.gather(*(uploads.release(ctx, made.id, use) for use in several))
    assert await uses(ctx, made) == [(False, [])]


async def test_several_are_used_and_released_together(ctx: Context, ada: Actor) -> None:
    one, two = await upload(ctx, ada), await upload(ctx, ada)
    found = await uploads.use_all(ctx, ada.user_id, [two.id, one.id, two.id], TWEET)
    assert [each.id for each in found] == [two.id, one.id, two.id]
    assert all(each.used for each in found)
    assert await uses(ctx, one, two) == [(True, [TWEET])] * 2
    await uploads.release_all(ctx, [one.id, two.id, "gone"], TWEET)
    assert await uses(ctx, one, two) == [(False, [])] * 2


async def test_no_uploads_are_used_without_asking(ctx: Context, ada: Actor) -> None:
    assert await uploads.use_all(ctx, ada.user_id, [], TWEET) == []


async def test_every_upload_that_cannot_be_used_is_named_and_none_is_used(ctx: Context, ada: Actor) -> None:
    eve = await add_person(ctx, "eve")
    mine, theirs, pending = await upload(ctx, ada), await upload(ctx, eve), await upload(ctx, ada)
    await ctx.uploads.update(pending.id, set={"status": "pending"})
    ids = [theirs.id, mine.id, "none", pending.id]
    with pytest.raises(Invalid) as caught:
        await uploads.use_all(ctx, ada.user_id, ids, TWEET)
    said = "must be the id of an upload of yours"
    assert list(caught.value.errors) == [FieldError(f"uploads.{n}", said) for n in (0, 2, 3)]
    with pytest.raises(Invalid) as caught:
        await uploads.use_all(ctx, ada.user_id, ["none"], TWEET, ["content.media.0"])
    assert [error.loc for error in caught.value.errors] == ["content.media.0"]
    assert await uses(ctx, mine, theirs, pending) == [(False, [])] * 3


class Racing:
    """The uploads of a context in which one expires between looking and marking."""

    def __init__(self, ctx: Context, expiring: Upload) -> None:
        self._real, self._expiring = ctx.uploads, expiring

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def update_one(self, filter: dict[str, Any], **changes: Any) -> Upload | None:
        if filter["_id"] == self._expiring.id:
            await self._real.delete_many({"_id": self._expiring.id})
        return await self._real.update_one(filter, **changes)


class Repositories:
    def __init__(self, ctx: Context, expiring: Upload) -> None:
        self._real, self._uploads = ctx.repositories, Racing(ctx, expiring)

    def of(self, document: type[Any]) -> Any:
        return self._uploads if document is Upload else self._real.of(document)


@pytest.mark.slow
async def test_one_that_expires_meanwhile_undoes_the_others(ctx: Context, ada: Actor) -> None:
    kept, fresh, expiring, last = [await upload(ctx, ada) for _ in range(4)]
    await uploads.mark_used(ctx, kept.id, TWEET)
    await uploads.mark_used(ctx, fresh.id, OTHER)
    racing = replace(ctx, repositories=Repositories(ctx, expiring))  # type: ignore[arg-type]
    with pytest.raises(Invalid) as caught:
        await uploads.use_all(racing, ada.user_id, [kept.id, fresh.id, expiring.id, last.id], TWEET)
    assert [error.loc for error in caught.value.errors] == ["uploads.2"]
    # What it used before stays used.
    assert await uses(ctx, kept, fresh, last) == [(True, [TWEET]), (True, [OTHER]), (False, [])]


async def test_what_is_not_there_shows_its_uploads_to_nobody(ctx: Context, ada: Actor) -> None:
    eve, made = await add_person(ctx, "eve"), await upload(ctx, ada)
    await uploads.mark_used(ctx, made.id, TWEET)
    assert eve.user_id not in await uploads.who_may_read(ctx, [eve.user_id], made.id)


async def test_the_use_of_what_is_gone_is_not_found(ctx: Context, ada: Actor) -> None:
    with pytest.raises(NotFound):
        await uploads.mark_used(ctx, "gone", TWEET)
    await uploads.release(ctx, "gone", TWEET)
