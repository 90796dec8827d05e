"""What the repositories rely on when they write: documents, updates and races, asked of every engine."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Binary, Int64, ObjectId
from bson.regex import Regex
from pymongo import DeleteOne, InsertOne, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, WriteError
from pymongo.operations import ReplaceOne

from tests.store.contract import NOON, Database, after_update, fill, ids

# ------------------------------------------------------------------------------------------------ documents


async def test_every_type_comes_back_as_it_went(db: Database) -> None:
    document = {
        "_id": ObjectId(), "text": "naïve ☃ \0 x", "int": 7, "long": Int64(7), "big": 1 << 40, "double": 7.0,
        "yes": True, "no": False, "none": None, "when": NOON, "before1970": datetime(1901, 1, 1, tzinfo=UTC),
        "bytes": b"\0\xff", "uuid": Binary(bytes(16), 4), "id": ObjectId(), "regex": Regex("^a", "i"),
        "list": [1, [2, {"x": []}]], "sub": {"z": 1, "a": {"b": {}}},
    }  # fmt: skip
    await db.c.insert_one(document)
    found = await db.c.find_one({"_id": document["_id"]})
    assert found == document
    assert list(found) == list(document)
    assert [type(found[name]) for name in ("int", "long", "double", "yes")] == [int, Int64, float, bool]


async def test_an_id_is_made_where_none_is_given(db: Database) -> None:
    inserted = await db.c.insert_one({"a": 1})
    assert isinstance(inserted.inserted_id, ObjectId)
    assert await db.c.find_one() == {"_id": inserted.inserted_id, "a": 1}


async def test_insert_many_stops_at_the_first_error_when_ordered(db: Database) -> None:
    with pytest.raises(BulkWriteError) as caught:
        await db.c.insert_many([{"_id": 1}, {"_id": 1}, {"_id": 2}])
    assert caught.value.details["nInserted"] == 1
    assert [(e["index"], e["code"]) for e in caught.value.details["writeErrors"]] == [(1, 11000)]
    assert await ids(db, {}) == [1]


async def test_insert_many_goes_on_when_unordered(db: Database) -> None:
    with pytest.raises(BulkWriteError) as caught:
        await db.c.insert_many([{"_id": 1}, {"_id": 1}, {"_id": 2}, {"_id": 2}], ordered=False)
    assert [e["index"] for e in caught.value.details["writeErrors"]] == [1, 3]
    assert await ids(db, {}) == [1, 2]


async def test_an_array_is_no_id(db: Database) -> None:
    with pytest.raises(WriteError):
        await db.c.insert_one({"_id": [1]})


async def test_a_document_has_at_most_16_megabytes(db: Database) -> None:
    await db.c.insert_one({"_id": 1, "text": "x" * (15 << 20)})
    with pytest.raises((WriteError, OperationFailure)) as caught:
        await db.c.update_one({"_id": 1}, {"$set": {"more": "y" * (2 << 20)}})
    assert caught.value.code in (10334, 17419)


# ------------------------------------------------------------------------------------------------ updates

UPDATES: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("set", {"a": 1}, {"$set": {"a": 2, "b.c": 3}}, {"a": 2, "b": {"c": 3}}),
    ("set in an array", {"a": [1, 2]}, {"$set": {"a.1": 9, "a.3": 4}}, {"a": [1, 9, None, 4]}),
    ("set keeps order", {"a": 1, "b": 2}, {"$set": {"a": 5}}, {"a": 5, "b": 2}),
    ("unset", {"a": 1, "b": {"c": 1, "d": 2}}, {"$unset": {"a": "", "b.c": "", "x.y": ""}}, {"b": {"d": 2}}),
    ("unset an element", {"a": [1, 2]}, {"$unset": {"a.0": ""}}, {"a": [None, 2]}),
    ("inc", {"a": 1}, {"$inc": {"a": 2, "b": 5}}, {"a": 3, "b": 5}),
    ("inc by a double", {"a": 1}, {"$inc": {"a": 0.5}}, {"a": 1.5}),
    ("min and max", {"a": 5, "b": 5}, {"$min": {"a": 3, "c": 1}, "$max": {"b": 3, "d": 2}}, {"a": 3, "b": 5, "c": 1, "d": 2}),  # noqa: E501
    ("push", {"a": [1]}, {"$push": {"a": [2], "b": 1}}, {"a": [1, [2]], "b": [1]}),
    ("push each", {"a": [1]}, {"$push": {"a": {"$each": [2, 3]}}}, {"a": [1, 2, 3]}),
    ("add to set", {"a": [1]}, {"$addToSet": {"a": 1.0, "b": "x"}}, {"a": [1], "b": ["x"]}),
    ("add each to set", {"a": [1]}, {"$addToSet": {"a": {"$each": [1, 2, 2]}}}, {"a": [1, 2]}),
    ("pull a value", {"a": [1, 2, 1.0, "1"]}, {"$pull": {"a": 1}}, {"a": [2, "1"]}),
    ("pull a range", {"a": [1, 5, 9]}, {"$pull": {"a": {"$gte": 5}}}, {"a": [1]}),
    ("pull documents", {"a": [{"x": 1, "y": 2}, {"x": 2}]}, {"$pull": {"a": {"x": 1}}}, {"a": [{"x": 2}]}),
    ("pull from nothing", {"b": 1}, {"$pull": {"a": 1}}, {"b": 1}),
    ("set on insert, found", {"a": 1}, {"$setOnInsert": {"a": 2}, "$set": {"b": 1}}, {"a": 1, "b": 1}),
    ("replace", {"a": 1, "b": 2}, {"c": 3}, {"c": 3}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "update", "after"), [case[1:] for case in UPDATES], ids=[c[0] for c in UPDATES]
)
async def test_updates(
    db: Database, before: dict[str, Any], update: dict[str, Any], after: dict[str, Any]
) -> None:
    await db.c.insert_one({"_id": 1, **before})
    if next(iter(update)).startswith("$"):
        await db.c.update_one({"_id": 1}, update)
    else:
        await db.c.replace_one({"_id": 1}, update)
    found = await db.c.find_one({}, {"_id": 0})
    assert found == after
    assert list(found or ()) == list(after)


async def test_inc_keeps_the_kind_of_number(db: Database) -> None:
    before = {"int": 1, "long": Int64(1), "edge": (1 << 31) - 1, "double": 1.0}
    await db.c.insert_one({"_id": 1, **before})
    await db.c.update_one({"_id": 1}, {"$inc": {"int": 1, "long": 1, "edge": 1, "double": 1}})
    found = await db.c.find_one({"_id": 1}, {"_id": 0})
    assert found == {"int": 2, "long": 2, "edge": 1 << 31, "double": 2.0}
    assert [type(value) for value in found.values()] == [int, Int64, Int64, float]


async def test_current_date(db: Database) -> None:
    found = await after_update(db, {}, {"$currentDate": {"at": True}})
    assert abs(found["at"] - datetime.now(UTC)) < timedelta(seconds=60)


async def test_the_positional_operator_changes_the_element_that_matched(db: Database) -> None:
    await fill(db, {"a": [{"k": 1, "v": 0}, {"k": 2, "v": 0}]}, {"a": [5, 6, 7]})
    await db.c.update_one({"_id": 1, "a.k": 2}, {"$set": {"a.$.v": 9}, "$inc": {"a.$.n": 1}})
    await db.c.update_one({"_id": 1, "a": {"$elemMatch": {"k": 1, "v": 0}}}, {"$set": {"a.$.v": 8}})
    await db.c.update_one({"_id": 2, "a": {"$gt": 5}}, {"$set": {"a.$": 0}})
    assert await db.c.find_one({"_id": 1}) == {"_id": 1, "a": [{"k": 1, "v": 8}, {"k": 2, "v": 9, "n": 1}]}
    assert await db.c.find_one({"_id": 2}) == {"_id": 2, "a": [5, 0, 7]}


@pytest.mark.parametrize(
    ("update", "code"),
    [
        ({"$set": {"_id": 2}}, 66),
        ({"$inc": {"text": 1}}, 14),
        ({"$inc": {"a": "1"}}, 14),
        ({"$push": {"a": 1}}, 2),
        ({"$addToSet": {"a": 1}}, 2),
        ({"$pull": {"a": 1}}, 2),
        ({"$set": {"a.b": 1}}, 28),
        ({"$set": {"list.x": 1}}, 28),
        ({"$set": {"a": 1}, "$inc": {"a": 1}}, 40),
        ({"$set": {"s": 1, "s.t": 1}}, 40),
        ({"$frob": {"a": 1}}, 9),
        ({"$set": {"list.$": 1}}, 2),
        ({"$push": {"list": {"$each": 1}}}, 2),
    ],
    ids=str,
)
async def test_a_wrong_update_is_refused_and_changes_nothing(
    db: Database, update: dict[str, Any], code: int
) -> None:
    before = {"_id": 1, "a": 1, "text": "x", "list": [1], "s": {}}
    await db.c.insert_one(before)
    with pytest.raises(OperationFailure) as caught:
        await db.c.update_one({"_id": 1}, update)
    assert caught.value.code == code
    assert await db.c.find_one() == before


async def test_what_an_update_reports(db: Database) -> None:
    await fill(db, {"a": 1}, {"a": 1}, {"a": 2})
    same = await db.c.update_one({"_id": 1}, {"$set": {"a": 1}})
    assert (same.matched_count, same.modified_count, same.upserted_id) == (1, 0, None)
    many = await db.c.update_many({"a": {"$lte": 2}}, {"$set": {"a": 2}})
    assert (many.matched_count, many.modified_count) == (3, 2)
    none = await db.c.update_one({"_id": 9}, {"$set": {"a": 1}})
    assert (none.matched_count, none.modified_count, none.upserted_id) == (0, 0, None)
    gone = await db.c.delete_many({"a": 2})
    assert gone.deleted_count == 3


async def test_a_replacement_keeps_the_id(db: Database) -> None:
    await fill(db, {"a": 1})
    await db.c.replace_one({"_id": 1}, {"b": 2})
    assert await db.c.find_one() == {"_id": 1, "b": 2}
    with pytest.raises(WriteError) as caught:
        await db.c.replace_one({"_id": 1}, {"_id": 2, "b": 2})
    assert caught.value.code == 66


async def test_an_upsert_begins_with_what_the_filter_says(db: Database) -> None:
    result = await db.c.update_one(
        {"_id": 7, "a": {"$eq": 1}, "b.c": 2, "d": {"$gt": 3}, "$and": [{"e": 4}]},
        {"$set": {"f": 5}, "$setOnInsert": {"g": 6}, "$inc": {"n": 1}},
        upsert=True,
    )
    assert (result.matched_count, result.modified_count, result.upserted_id) == (0, 0, 7)
    assert await db.c.find_one() == {"_id": 7, "a": 1, "b": {"c": 2}, "e": 4, "f": 5, "g": 6, "n": 1}
    again = await db.c.update_one({"_id": 7}, {"$setOnInsert": {"g": 7}, "$inc": {"n": 1}}, upsert=True)
    assert (again.matched_count, again.modified_count, again.upserted_id) == (1, 1, None)
    made = await db.c.replace_one({"x": 1}, {"y": 2}, upsert=True)
    assert isinstance(made.upserted_id, ObjectId)
    assert await db.c.find_one({"y": 2}) == {"_id": made.upserted_id, "y": 2}


async def test_find_and_modify(db: Database) -> None:
    await fill(db, {"a": 1, "n": 0}, {"a": 1, "n": 5})
    before = await db.c.find_one_and_update({"a": 1}, {"$inc": {"n": 1}}, sort=[("n", -1)])
    assert before == {"_id": 2, "a": 1, "n": 5}
    after = await db.c.find_one_and_update(
        {"_id": 2}, {"$inc": {"n": 1}}, projection={"n": 1, "_id": 0}, return_document=ReturnDocument.AFTER
    )
    assert after == {"n": 7}
    assert await db.c.find_one_and_update({"_id": 9}, {"$set": {"a": 1}}) is None
    made = await db.c.find_one_and_update(
        {"_id": 9}, {"$setOnInsert": {"a": 3}}, upsert=True, return_document=ReturnDocument.AFTER
    )
    assert made == {"_id": 9, "a": 3}
    assert await db.c.find_one_and_delete({}, sort=[("n", -1)]) == {"_id": 2, "a": 1, "n": 7}
    assert await db.c.find_one_and_replace({"_id": 1}, {"z": 1}) == {"_id": 1, "a": 1, "n": 0}
    assert await ids(db, {}) == [1, 9]


async def test_a_bulk_of_everything(db: Database) -> None:
    result = await db.c.bulk_write(
        [
            InsertOne({"_id": 1, "a": 1}),
            UpdateOne({"_id": 1}, {"$inc": {"a": 1}}),
            UpdateOne({"_id": 2}, {"$set": {"a": 5}}, upsert=True),
            ReplaceOne({"_id": 2}, {"b": 1}),
            InsertOne({"_id": 3}),
            DeleteOne({"_id": 3}),
        ]
    )
    assert (result.inserted_count, result.matched_count, result.modified_count) == (2, 2, 2)
    assert (result.deleted_count, result.upserted_ids) == (1, {2: 2})
    assert await db.c.find().sort("_id", 1).to_list() == [{"_id": 1, "a": 2}, {"_id": 2, "b": 1}]


# ------------------------------------------------------------------------------------------------ races


async def test_of_fifty_who_want_one_name_one_gets_it(db: Database) -> None:
    await db.c.create_index([("name", 1)], unique=True)

    async def take(who: int) -> bool:
        try:
            await db.c.insert_one({"name": "crown", "who": who})
        except DuplicateKeyError:
            return False
        return True

    assert sum(await asyncio.gather(*map(take, range(50)))) == 1


async def test_fifty_increments_add_up(db: Database) -> None:
    await db.c.insert_one({"_id": 1, "n": 0})
    seen = await asyncio.gather(
        *(
            db.c.find_one_and_update({"_id": 1}, {"$inc": {"n": 1}}, return_document=ReturnDocument.AFTER)
            for _ in range(50)
        )
    )
    assert sorted(item["n"] for item in seen) == list(range(1, 51))


async def test_fifty_upserts_make_one_document(db: Database) -> None:
    async def upsert() -> int:
        while True:
            try:
                result = await db.c.update_one(
                    {"_id": "x"}, {"$inc": {"n": 1}, "$setOnInsert": {"a": 1}}, upsert=True
                )
            except DuplicateKeyError:  # MongoDB allows this race; the loser tries again
                continue
            return int(result.upserted_id is not None)

    assert sum(await asyncio.gather(*(upsert() for _ in range(50)))) == 1
    assert await db.c.find_one() == {"_id": "x", "a": 1, "n": 50}


async def test_of_fifty_who_want_one_job_one_gets_it(db: Database) -> None:
    await db.c.insert_one({"_id": 1, "state": "open"})
    results = await asyncio.gather(
        *(db.c.update_one({"_id": 1, "state": "open"}, {"$set": {"state": n}}) for n in range(50))
    )
    assert sum(result.modified_count for result in results) == 1
