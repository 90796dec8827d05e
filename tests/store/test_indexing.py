"""What documents declare comes into being, once; what the server cannot do is noticed."""

from typing import ClassVar

import pytest
from pymongo import AsyncMongoClient

from mediaserver.base.clock import utc_now
from mediaserver.base.errors import StartError
from mediaserver.base.ids import new_id
from mediaserver.domain.documents.document import Document, Index
from mediaserver.store.mongo import Database, Stored
from mediaserver.store.repository import Repository


class Book(Document):
    collection: ClassVar[str] = "books"
    indexes: ClassVar[tuple[Index, ...]] = (Index(("shelf",)),)
    searched: ClassVar[tuple[str, ...]] = ("title", "back_text")

    title: str
    back_text: str = ""
    shelf: str = "a"


class Plain(Document):
    collection: ClassVar[str] = "plain"


@pytest.fixture
def database(client: AsyncMongoClient[Stored], db: object) -> Database:
    return Database(client, db.name)  # type: ignore[attr-defined]


async def test_collections_come_into_being_even_without_indexes(database: Database) -> None:
    for _ in range(2):
        await database.ensure_indexes([Plain])
    assert await database.raw.list_collection_names() == ["plain"]


async def test_declared_words_are_searched(database: Database) -> None:
    for _ in range(2):
        await database.ensure_indexes([Book, Plain])
    books = Repository(database, Book)
    now = utc_now()
    titles = ["The Red Car", "A car", "Red"]
    made = [Book(id=new_id(), created_at=now, updated_at=now, title=title) for title in titles]
    made[2] = made[2].model_copy(update={"back_text": "about cars and a CAR"})
    for book in made:
        await books.add(book)
    found = await books.page({"$and": [{"shelf": "a"}, books.matching("red, car!")]}, sort=[("title", 1)])
    assert [book.title for book in found.items] == ["Red", "The Red Car"]
    assert await books.count(books.matching("-")) == 0


async def test_no_text_index_is_made(database: Database) -> None:
    await database.ensure_indexes([Book])
    indexes = await database.raw["books"].index_information()
    assert set(indexes) == {"_id_", "shelf_1", "searchTerms_1__id_1"}


async def test_data_that_forbids_an_index_is_named(database: Database) -> None:
    class Unique(Document):
        collection: ClassVar[str] = "books"
        indexes: ClassVar[tuple[Index, ...]] = (Index(("shelf",), unique=True),)

    await database.raw["books"].insert_many([{"shelf": "a"}, {"shelf": "a"}])
    with pytest.raises(StartError, match="collection books"):
        await database.ensure_indexes([Unique])
