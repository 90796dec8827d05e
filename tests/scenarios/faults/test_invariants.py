"""The check of everything stored finds each kind of fault, so that its silence says something."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import Field

from mediaserver.base.ids import new_id
from mediaserver.domain.documents.document import Counted, Document, Id, Index, Reference, UploadId
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.domain.uploads.uploads import Upload, Use
from mediaserver.usecases.notifications.notifications import notify
from mediaserver.usecases.writes import settling
from tests.scenarios import invariants
from tests.store.conftest import ENGINES, engine, shared_server, uri  # noqa: F401 - fixtures
from tests.usecases import school
from tests.usecases.world import World, open_world


class Shelf(Counted):
    collection: ClassVar[str] = "shelves"

    books_count: int = 0


class Book(Document):
    collection: ClassVar[str] = "books"
    indexes: ClassVar[tuple[Index, ...]] = (Index(("title",)),)
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("shelf_id", "shelves", "cascade"),
        Reference("about", "books", "clear"),
        Reference("author_id", "users", "keep"),
    )

    shelf_id: Id
    title: str
    about: list[str] = Field(default_factory=list)
    author_id: str | None = None
    cover: UploadId | None = None


COUNTERS: invariants.Counters = {**invariants.COUNTERS, (Shelf, "books_count"): (Book, "shelf_id")}
ALL = (*DOCUMENTS, Shelf, Book)


@pytest.fixture
async def world(uri: str, tmp_path: Path) -> AsyncIterator[World]:  # noqa: F811
    async with open_world(uri, tmp_path, documents=ALL) as world:
        yield world


async def faults(world: World, counters: invariants.Counters = COUNTERS, **how: bool) -> list[str]:
    found = await invariants.Everything.read(world.ctx.repositories.database.raw, ALL, counters)
    return invariants.faults(found, **how)


async def shelf(world: World, books: int = 0, **more: Any) -> Shelf:
    return await world.ctx.of(Shelf).add(
        Shelf(**world.ctx.stamp(), **{"settled": True, "books_count": books, **more})
    )


async def book(world: World, on: Shelf, **more: Any) -> Book:
    made = Book(**world.ctx.stamp(), **{"shelf_id": on.id, "title": new_id(), **more})
    return await world.ctx.of(Book).add(made)


async def test_what_is_in_order_has_no_faults(world: World) -> None:
    teacher, ada = await world.person("teacher", "instructor"), await world.person("ada")
    course = await school.course(world, teacher)
    level = await school.level(world, teacher, course)
    await school.lesson(world, teacher, level)
    await school.enroll(world, ada, course)
    one = await shelf(world, books=2)
    upload = await world.upload(ada)
    first = await settling.add(
        world.ctx, Book(**world.ctx.stamp(), shelf_id=one.id, title="x", cover=upload.id), owner=ada.user_id
    )
    await book(world, one, about=[first.id], author_id=new_id())
    await notify(world.ctx, [ada.user_id], "followed", {"userId": teacher.user_id}, teacher.user_id)
    assert await faults(world) == []


async def test_each_fault_is_named(world: World) -> None:
    ctx, ada = world.ctx, await world.person("ada")
    whole, half = await shelf(world), await shelf(world, settled=False)
    going, marked = await shelf(world, gone=True), await shelf(world, marks=["x.booksCount+"])
    wrong = await shelf(world, books=3)
    stray = await book(world, going)
    lost = await book(world, whole, about=[stray.id, "nowhere"], cover=new_id())
    unaware, forgotten = await world.upload(ada), await world.upload(ada)
    showing = await book(world, wrong, cover=unaware.id)
    by = Use(kind="books", id=stray.id)
    await ctx.uploads.update(forgotten.id, set={"usedBy": [by], "used": False})
    await notify(ctx, [ada.user_id], "liked", {"tweetId": new_id()}, new_id())
    await ctx.repositories.database.raw["shelves"].insert_one({"_id": "unreadable"})
    found = await faults(world)
    for expected in (
        "shelves unreadable cannot be read: ('createdAt',)",
        f"shelves {half.id} is half written",
        f"shelves {going.id} is half removed",
        f"shelves {marked.id} has marks",
        f"shelves {wrong.id}: books_count says 3, there are 1 books",
        f"books {stray.id}: shelf_id names {going.id}, which is not in shelves",
        f"books {lost.id}: about names nowhere, which is not in books",
        f"books {lost.id} shows upload {lost.cover}, which is not there",
        f"books {showing.id} shows upload {unaware.id}, which does not know it",
        f"uploads {forgotten.id}: used is False, used by 1",
        f"uploads {forgotten.id} is marked as used by books {stray.id}, which does not show it",
    ):
        assert any(fault.startswith(expected) for fault in found), (expected, found)
    assert any("(liked) tells of tweetId" in fault for fault in found), found
    assert len(found) == 14, "\n".join(found)  # going and whole are miscounted too


async def test_what_is_unique_is_there_once(world: World) -> None:
    raw = world.ctx.repositories.database.raw
    teacher = await world.person("teacher", "instructor")
    await school.course(world, teacher, "A")
    second = await school.course(world, teacher, "B")
    await raw["courses"].drop_indexes()
    await world.ctx.of(Course).update(second.id, set={"courseCodeFolded": "a"})
    assert await faults(world) == ["courses: 2 have courseCodeFolded_1 (\"'a'\",)"]


async def test_a_counter_that_nobody_explains_is_a_fault(world: World) -> None:
    await shelf(world)
    assert await faults(world, invariants.COUNTERS) == ["Shelf.books_count: nobody says what it counts"]


async def test_what_a_dead_writer_left_is_no_fault_while_it_will_be_mended(world: World) -> None:
    upload = await world.upload(await world.person("ada"))
    left = {"usedBy": [Use(kind="books", id=new_id())], "used": True, "markedAt": world.ctx.clock()}
    await world.ctx.of(Upload).update(upload.id, set=left)
    assert len(await faults(world)) == 1
    assert await faults(world, interrupted=True) == []
    await world.ctx.of(Upload).update(upload.id, set={"markedAt": None})
    assert len(await faults(world, interrupted=True)) == 1
