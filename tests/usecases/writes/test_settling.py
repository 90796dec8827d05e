"""Writes that span documents: whole or not there, wherever they were cut off, and each consequence once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mediaserver.base.errors import Conflict, Invalid, NotFound, Unavailable
from mediaserver.base.ids import new_id
from mediaserver.domain.documents.document import (
    Consequential,
    Counted,
    Document,
    Id,
    Index,
    Reference,
    UploadId,
)
from mediaserver.domain.documents.policy import Policy, anyone
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.writes import counters, settling
from tests.usecases.cut import cut_after
from tests.usecases.world import World, open_world

FREE = Policy(create=anyone, read=anyone, update=anyone, delete=anyone)


class Shelf(Counted):
    collection: ClassVar[str] = "shelves"
    policy: ClassVar[Policy] = FREE

    books_count: int = 0


class Book(Consequential):
    collection: ClassVar[str] = "books"
    indexes: ClassVar[tuple[Index, ...]] = (Index(("shelf_id",)), Index(("title",), unique=True))
    references: ClassVar[tuple[Reference, ...]] = (Reference("shelf_id", "shelves", "cascade"),)
    owned_by: ClassVar[str | None] = "user_id"
    policy: ClassVar[Policy] = FREE

    user_id: Id
    shelf_id: Id
    title: str
    cover: UploadId | None = None


class Loan(Consequential):
    collection: ClassVar[str] = "loans"
    references: ClassVar[tuple[Reference, ...]] = (Reference("book_id", "books", "refuse"),)
    policy: ClassVar[Policy] = FREE

    book_id: Id


class Hint(Consequential):
    collection: ClassVar[str] = "hints"
    references: ClassVar[tuple[Reference, ...]] = (Reference("book_id", "books", "clear"),)
    policy: ClassVar[Policy] = FREE

    book_id: Id | None


class Title(Consequential):
    """What a book is called, repeated on its cover."""

    collection: ClassVar[str] = "titles"
    policy: ClassVar[Policy] = FREE

    words: str
    covers: int = 0


class Cover(Document):
    collection: ClassVar[str] = "covers"
    references: ClassVar[tuple[Reference, ...]] = (Reference("title_id", "titles", "refuse"),)
    policy: ClassVar[Policy] = FREE

    title_id: Id
    words: str


async def _on_covers(ctx: Context, title: Title) -> None:
    await ctx.of(Cover).update_many({"titleId": title.id}, set={"words": title.words})


async def _added(ctx: Context, book: Book) -> None:
    await counters.count(ctx, Shelf, book.shelf_id, "booksCount", 1, book)


async def _removed(ctx: Context, book: Book) -> None:
    await counters.count(ctx, Shelf, book.shelf_id, "booksCount", -1, book)


async def _tidy(ctx: Context, book: Book) -> None:
    await counters.forget(ctx, Shelf, book.shelf_id, "booksCount", book)


@pytest.fixture
async def world(uri: str, tmp_path: Path) -> AsyncIterator[World]:
    follow = {Book: Consequences(_added, _removed, _tidy), Title: Consequences(_on_covers, edited=True)}
    async with open_world(
        uri, tmp_path, documents=(*DOCUMENTS, Shelf, Book, Loan, Hint, Title, Cover), consequences=follow
    ) as world:
        yield world


async def shelf(world: World) -> Shelf:
    return await settling.add(world.ctx, Shelf(**world.ctx.stamp()))


def book(world: World, on: Shelf, title: str = "", **more: Any) -> Book:
    return Book(
        **world.ctx.stamp(), **{"user_id": new_id(), "shelf_id": on.id, "title": title or new_id(), **more}
    )


async def count(world: World, on: Shelf) -> int:
    """The shelf's counter, which must be the number of its books."""
    found = await world.ctx.of(Shelf).get(on.id)
    assert found.books_count == await world.ctx.of(Book).count({"shelfId": on.id})
    return found.books_count


async def test_what_is_added_is_counted_and_what_is_removed_no_more(world: World) -> None:
    one = await shelf(world)
    first = await settling.add(world.ctx, book(world, one))
    await settling.add(world.ctx, book(world, one))
    assert await count(world, one) == 2
    await settling.remove(world.ctx, first)
    assert await count(world, one) == 1
    with pytest.raises(NotFound):
        await settling.remove(world.ctx, first)
    assert await count(world, one) == 1


async def test_many_at_once_are_each_counted_once(world: World) -> None:
    one = await shelf(world)
    books = [book(world, one) for _ in range(20)]
    await asyncio.gather(*(settling.add(world.ctx, each) for each in books))
    assert await count(world, one) == 20
    twice = [settling.remove(world.ctx, each) for each in books[:10] for _ in range(2)]
    results = await asyncio.gather(*twice, return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [NotFound] * 10
    assert await count(world, one) == 10
    assert (await world.ctx.of(Shelf).get(one.id)).marks == []


async def test_a_reference_to_nothing_is_named(world: World) -> None:
    one = await shelf(world)
    await settling.remove(world.ctx, one)
    with pytest.raises(Invalid) as refused:
        await settling.add(world.ctx, book(world, one))
    assert [(fault.loc, fault.msg) for fault in refused.value.errors] == [("shelfId", "there is no such shelf")]


async def test_with_a_shelf_go_its_books_unless_one_is_lent(world: World) -> None:
    ctx, one = world.ctx, await shelf(world)
    kept, lent = [await settling.add(ctx, book(world, one)) for _ in range(2)]
    loan = await settling.add(ctx, Loan(**ctx.stamp(), book_id=lent.id))
    hint = await settling.add(ctx, Hint(**ctx.stamp(), book_id=kept.id))
    with pytest.raises(Conflict, match="a loan still refers to it"):
        await settling.remove(ctx, one)
    assert await count(world, one) == 2
    await settling.remove(ctx, loan)
    await settling.remove(ctx, one)
    assert not await ctx.of(Book).exists({}) and not await ctx.of(Shelf).exists({})
    assert (await ctx.of(Hint).get(hint.id)).book_id is None


async def test_a_book_that_comes_while_its_shelf_goes_does_not_stay(world: World) -> None:
    for _ in range(10):
        one = await shelf(world)
        adding = [settling.add(world.ctx, book(world, one)) for _ in range(3)]
        await asyncio.gather(settling.remove(world.ctx, one), *adding, return_exceptions=True)
        assert not await world.ctx.of(Book).exists({"shelfId": one.id})


async def test_an_upload_is_used_while_a_book_shows_it(world: World) -> None:
    ctx, ada, one = world.ctx, await world.person("ada"), await shelf(world)
    cover, other = await world.upload(ada), await world.upload(ada)

    async def used() -> list[bool]:
        return [(await ctx.uploads.get(each.id)).used for each in (cover, other)]

    shown = await settling.add(ctx, book(world, one, user_id=ada.user_id, cover=cover.id))
    assert await used() == [True, False]
    changed = await settling.change(ctx, shown, {"cover": other.id})
    assert await used() == [False, True]
    with pytest.raises(Invalid) as refused:
        await settling.change(ctx, changed, {"cover": (await world.upload(await world.person("eve"))).id})
    assert [fault.loc for fault in refused.value.errors] == ["cover"]
    await settling.remove(ctx, changed)
    assert await used() == [False, False]


async def test_an_addition_cut_off_anywhere_is_whole_or_not_there(world: World) -> None:
    ctx, one = world.ctx, await shelf(world)
    for operations in range(20):
        added = book(world, one)
        with cut_after(ctx, operations) as cut:
            try:
                await settling.add(ctx, added)
            except Unavailable:
                assert cut.happened
        world.clock.pass_s(60)
        await settling.resume(ctx)
        await count(world, one)
        found = await ctx.of(Book).find_one({"_id": added.id})
        assert found is None or found.settled
        if not cut.happened:
            return
    pytest.fail("an addition never came to its end")


async def test_a_removal_cut_off_anywhere_is_finished(world: World) -> None:
    ctx, one = world.ctx, await shelf(world)
    for operations in range(20):
        goes = await settling.add(ctx, book(world, one))
        with cut_after(ctx, operations) as cut:
            try:
                await settling.remove(ctx, goes)
            except Unavailable:
                assert cut.happened
        unseen = await ctx.of(Book).find_one({"_id": goes.id}) is None
        world.clock.pass_s(60)
        await settling.resume(ctx)
        await count(world, one)
        if unseen:
            everywhere = {"_id": goes.id, "gone": {"$in": [True, False]}}
            assert await ctx.of(Book).find_one(everywhere) is None, "what is marked is deleted in the end"
        if not cut.happened:
            return
    pytest.fail("a removal never came to its end")


async def test_nobody_takes_over_what_is_being_worked_on(world: World) -> None:
    ctx, one = world.ctx, await shelf(world)
    with cut_after(ctx, 3), pytest.raises(Unavailable):
        await settling.add(ctx, book(world, one))
    assert await settling.resume(ctx) == 0
    world.clock.pass_s(60)
    done = sorted(await asyncio.gather(settling.resume(ctx), settling.resume(ctx)))
    assert done == [0, 1] or (ctx.repositories.database.has_transactions and done == [0, 0])


async def test_what_follows_from_an_edit_follows_wherever_it_was_cut_off(world: World) -> None:
    ctx = world.ctx
    title = await settling.add(ctx, Title(**ctx.stamp(), words="0"))
    cover = await settling.add(ctx, Cover(**ctx.stamp(), title_id=title.id, words="0"))
    for operations in range(20):
        with cut_after(ctx, operations) as cut:
            try:
                title = await settling.change(ctx, title, {"words": str(operations)})
            except Unavailable:
                assert cut.happened
        world.clock.pass_s(60)
        await settling.resume(ctx)
        stored = await ctx.of(Title).get(title.id)
        assert stored.settled and (await ctx.of(Cover).get(cover.id)).words == stored.words
        if not cut.happened:
            return
    pytest.fail("an edit never came to its end")


async def test_of_what_forbids_a_deletion_and_the_deletion_one_comes_first(world: World) -> None:
    ctx = world.ctx
    for _ in range(10):
        title = await settling.add(ctx, Title(**ctx.stamp(), words="x"))
        covers = [Cover(**ctx.stamp(), title_id=title.id, words="x") for _ in range(3)]
        adding = [settling.add(ctx, cover) for cover in covers]
        await asyncio.gather(settling.remove(ctx, title), *adding, return_exceptions=True)
        there = await ctx.of(Title).exists({"_id": title.id})
        assert there or not await ctx.of(Cover).exists({"titleId": title.id})
        if there:
            await ctx.of(Cover).delete_many({"titleId": title.id})
            await settling.remove(ctx, await ctx.of(Title).get(title.id))
