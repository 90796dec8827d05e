"""What the repositories rely on in indexes and collections, asked of every engine."""

import pytest
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError, OperationFailure

from tests.store.contract import Database, fill, ids


async def test_a_unique_index_refuses_and_says_which(db: Database) -> None:
    await db.c.create_index([("email", 1)], unique=True)
    await fill(db, {"email": "a@x"}, {"email": "b@x"})
    with pytest.raises(DuplicateKeyError) as inserted:
        await db.c.insert_one({"email": "a@x"})
    assert inserted.value.details["keyPattern"] == {"email": 1}
    assert inserted.value.details["keyValue"] == {"email": "a@x"}
    with pytest.raises(DuplicateKeyError) as updated:
        await db.c.update_one({"_id": 2}, {"$set": {"email": "a@x"}})
    assert updated.value.code == 11000
    with pytest.raises(DuplicateKeyError) as found:
        await db.c.find_one_and_update({"_id": 2}, {"$set": {"email": "a@x"}})
    assert found.value.code == 11000
    with pytest.raises(DuplicateKeyError) as by_id:
        await db.c.insert_one({"_id": 1})
    assert by_id.value.details["keyPattern"] == {"_id": 1}
    assert await db.c.count_documents({}) == 2
    await db.c.update_one({"_id": 1}, {"$set": {"email": "c@x"}})
    await db.c.update_one({"_id": 2}, {"$set": {"email": "a@x"}})
    await db.c.delete_one({"_id": 1})
    await db.c.insert_one({"email": "c@x"})


async def test_missing_counts_as_null_in_a_unique_index(db: Database) -> None:
    await db.c.create_index([("k", 1)], unique=True)
    await db.c.insert_one({"a": 1})
    with pytest.raises(DuplicateKeyError):
        await db.c.insert_one({"k": None})


async def test_a_sparse_unique_index_leaves_out_what_lacks_the_field(db: Database) -> None:
    await db.c.create_index([("k", 1)], unique=True, sparse=True)
    await db.c.insert_many([{"_id": 1}, {"_id": 2}, {"_id": 3, "k": "x"}])
    with pytest.raises(DuplicateKeyError):
        await db.c.insert_one({"k": "x"})
    assert await ids(db, {}) == [1, 2, 3]
    assert await ids(db, {"k": None}) == [1, 2]
    assert (await db.c.find().sort("k", -1).to_list())[0]["_id"] == 3


async def test_a_partial_unique_index_holds_where_it_applies(db: Database) -> None:
    await db.c.create_index([("room", 1)], unique=True, partialFilterExpression={"open": True})
    await db.c.insert_many([{"_id": 1, "room": "a", "open": True}, {"_id": 2, "room": "a", "open": False}])
    with pytest.raises(DuplicateKeyError):
        await db.c.insert_one({"room": "a", "open": True})
    with pytest.raises(DuplicateKeyError):
        await db.c.update_one({"_id": 2}, {"$set": {"open": True}})
    await db.c.update_one({"_id": 1}, {"$set": {"open": False}})
    await db.c.update_one({"_id": 2}, {"$set": {"open": True}})
    assert await ids(db, {"room": "a"}) == [1, 2]
    assert await ids(db, {"room": "a", "open": True}) == [2]


async def test_a_compound_unique_index(db: Database) -> None:
    await db.c.create_index([("user", 1), ("lesson", -1)], unique=True)
    await fill(db, {"user": "u", "lesson": "l"}, {"user": "u", "lesson": "m"}, {"user": "v", "lesson": "l"})
    with pytest.raises(DuplicateKeyError) as caught:
        await db.c.insert_one({"user": "u", "lesson": "m"})
    assert caught.value.details["keyPattern"] == {"user": 1, "lesson": -1}


async def test_a_unique_index_is_not_built_over_duplicates(db: Database) -> None:
    await fill(db, {"a": 1}, {"a": 1})
    with pytest.raises(OperationFailure) as caught:
        await db.c.create_index([("a", 1)], unique=True)
    assert caught.value.code == 11000
    assert list(await db.c.index_information()) == ["_id_"]


async def test_indexes_are_listed_and_dropped(db: Database) -> None:
    await db.c.create_index([("a", 1), ("b", -1)])
    await db.c.create_index([("a", 1), ("b", -1)])
    await db.c.create_index([("at", 1)], expireAfterSeconds=60)
    await db.c.create_index([("k", 1)], name="mine", unique=True, sparse=True)
    found = await db.c.index_information()
    assert set(found) == {"_id_", "a_1_b_-1", "at_1", "mine"}
    assert found["a_1_b_-1"]["key"] == [("a", ASCENDING), ("b", DESCENDING)]
    assert found["at_1"]["expireAfterSeconds"] == 60
    assert (found["mine"]["unique"], found["mine"]["sparse"]) == (True, True)
    with pytest.raises(OperationFailure) as other_options:
        await db.c.create_index([("a", 1), ("b", -1)], unique=True)
    assert other_options.value.code in (85, 86)
    with pytest.raises(OperationFailure) as other_key:
        await db.c.create_index([("z", 1)], name="mine")
    assert other_key.value.code in (85, 86)
    await db.c.drop_index("mine")
    with pytest.raises(OperationFailure) as gone:
        await db.c.drop_index("mine")
    assert gone.value.code == 27
    await db.c.drop_indexes()
    assert set(await db.c.index_information()) == {"_id_"}


async def test_collections_are_listed_and_dropped(db: Database) -> None:
    await db.create_collection("one")
    await db.two.insert_one({})
    assert sorted(await db.list_collection_names()) == ["one", "two"]
    await db.two.drop()
    assert await db.list_collection_names() == ["one"]
    assert await db.two.find_one() is None
