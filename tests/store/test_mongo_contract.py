"""What the repositories rely on in MongoDB, asked through PyMongo of every engine that may stand behind them.

The embedded server always; the server at MONGODB_URI too when that is set.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Binary, Int64, ObjectId
from bson.regex import Regex
from pymongo import ASCENDING, DESCENDING, DeleteOne, InsertOne, ReturnDocument, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, WriteError
from pymongo.operations import IndexModel, ReplaceOne

Database = AsyncDatabase[dict[str, Any]]
NOON = datetime(2026, 1, 2, 12, 0, 0, 123000, tzinfo=UTC)


async def ids(db: Database, filter: dict[str, Any], **options: Any) -> list[Any]:
    return [item["_id"] for item in await db.c.find(filter, **options).sort("_id", 1).to_list()]


async def fill(db: Database, *documents: dict[str, Any]) -> None:
    await db.c.insert_many([{"_id": at, **document} for at, document in enumerate(documents, 1)])


async def after_update(db: Database, document: dict[str, Any], update: Any, **filter: Any) -> dict[str, Any]:
    await db.c.insert_one({"_id": 1, **document})
    await db.c.update_one({"_id": 1, **filter}, update)
    found = await db.c.find_one({"_id": 1}, {"_id": 0})
    assert found is not None
    return found


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


# ------------------------------------------------------------------------------------------------ filters

PEOPLE: tuple[dict[str, Any], ...] = (
    {"name": "ann", "age": 30, "tags": ["a", "b"], "home": {"city": "Rome"}},
    {"name": "bob", "age": 25.0, "tags": [], "home": None},
    {"name": "Cyd", "age": None, "scores": [{"s": "x", "n": 1}, {"s": "y", "n": 9}]},
    {"name": "dan", "age": "30", "tags": "a", "scores": [{"s": "x", "n": 9}], "grid": [[1, 2], [3]]},
    {"name": "eve", "age": Int64(31), "tags": [["a"], None, 7], "when": NOON, "yes": True},
    {"name": "fay", "age": [20, 40], "scores": []},
    {"name": "gus", "age": float("nan"), "scores": [1, 2], "home": [{"city": "Oslo"}, {"city": "Rome"}]},
)

FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [1, 2, 3, 4, 5, 6, 7]),
    ({"name": "ann"}, [1]),
    ({"age": 25}, [2]),
    ({"age": {"$eq": 30}}, [1]),
    ({"age": {"$gt": 25}}, [1, 5, 6]),
    ({"age": {"$gte": 25, "$lte": 30}}, [1, 2, 6]),
    ({"age": {"$lt": 30}}, [2, 6]),
    ({"age": {"$gt": 30, "$lt": 40}}, [5, 6]),
    ({"age": {"$gte": "3"}}, [4]),
    ({"age": None}, [3]),
    ({"age": {"$gte": None}}, [3]),
    ({"age": {"$gt": None}}, []),
    ({"age": float("nan")}, [7]),
    ({"home": None}, [2, 3, 4, 5, 6]),
    ({"age": {"$ne": 30}}, [2, 3, 4, 5, 6, 7]),
    ({"age": {"$in": [30, "30", None]}}, [1, 3, 4]),
    ({"age": {"$nin": [30, None]}}, [2, 4, 5, 6, 7]),
    ({"age": {"$in": []}}, []),
    ({"name": {"$in": [Regex("^a"), "bob"]}}, [1, 2]),
    ({"tags": "a"}, [1, 4]),
    ({"tags": ["a"]}, [5]),
    ({"tags": ["a", "b"]}, [1]),
    ({"tags": []}, [2]),
    ({"tags": None}, [3, 5, 6, 7]),
    ({"tags": {"$ne": "a"}}, [2, 3, 5, 6, 7]),
    ({"tags": {"$all": ["a", "b"]}}, [1]),
    ({"tags": {"$all": []}}, []),
    ({"tags": {"$size": 0}}, [2]),
    ({"tags": {"$size": 2}}, [1]),
    ({"tags": {"$exists": True}}, [1, 2, 4, 5]),
    ({"tags": {"$exists": False}}, [3, 6, 7]),
    ({"tags": {"$type": "array"}}, [1, 2, 5]),
    ({"tags": {"$type": "string"}}, [1, 4]),
    ({"age": {"$type": "number"}}, [1, 2, 5, 6, 7]),
    ({"age": {"$type": ["long", "null"]}}, [3, 5]),
    ({"age": {"$type": 16}}, [1, 6]),
    ({"tags.0": "a"}, [1]),
    ({"home.city": "Rome"}, [1, 7]),
    ({"home.city": {"$exists": False}}, [2, 3, 4, 5, 6]),
    ({"home.city": None}, [2, 3, 4, 5, 6]),
    ({"home.1.city": "Rome"}, [7]),
    ({"home": {"city": "Rome"}}, [1, 7]),
    ({"scores.n": 9}, [3, 4]),
    ({"scores.s": "x", "scores.n": 9}, [3, 4]),
    ({"scores": {"$elemMatch": {"s": "x", "n": 9}}}, [4]),
    ({"scores": {"$elemMatch": {"$gt": 1}}}, [7]),
    ({"scores": {"$elemMatch": {"$or": [{"n": 1}, {"s": "z"}]}}}, [3]),
    ({"scores": {"$all": [{"$elemMatch": {"s": "x"}}, {"$elemMatch": {"s": "y"}}]}}, [3]),
    ({"scores.n": None}, [1, 2, 5]),
    ({"scores.n": {"$exists": False}}, [1, 2, 5, 6, 7]),
    ({"age": {"$elemMatch": {"$gt": 15, "$lt": 25}}}, [6]),
    ({"grid": [1, 2]}, [4]),
    ({"grid": 1}, []),
    ({"grid.0.1": 2}, [4]),
    ({"grid.0": 1}, []),
    ({"name": {"$regex": "^[a-c]"}}, [1, 2]),
    ({"name": {"$regex": "^[A-C]", "$options": "i"}}, [1, 2, 3]),
    ({"name": Regex("N$", "i")}, [1, 4]),
    ({"name": {"$not": Regex("n")}}, [2, 3, 5, 6, 7]),
    ({"age": {"$not": {"$gt": 25}}}, [2, 3, 4, 7]),
    ({"$or": [{"name": "ann"}, {"age": 25}]}, [1, 2]),
    ({"$nor": [{"name": "ann"}, {"age": 25}]}, [3, 4, 5, 6, 7]),
    ({"$and": [{"age": {"$gt": 20}}, {"tags": "a"}]}, [1]),
    ({"when": {"$lte": NOON, "$gt": NOON - timedelta(milliseconds=1)}}, [5]),
    ({"yes": 1}, []),
    ({"yes": True}, [5]),
]


@pytest.mark.parametrize("indexed", [False, True], ids=["scan", "indexed"])
async def test_filters(db: Database, indexed: bool) -> None:
    await fill(db, *PEOPLE)
    if indexed:
        names = (
            "name",
            "age",
            "tags",
            "home",
            "scores",
            "home.city",
            "scores.n",
            "when",
            "yes",
            "tags.0",
            "grid",
        )
        await db.c.create_indexes([IndexModel([(name, 1)]) for name in names])
        await db.c.create_indexes([IndexModel([(name, -1)]) for name in names])
    wrong = {}
    for filter, expected in FILTERS:
        if (found := await ids(db, filter)) != expected:
            wrong[str(filter)] = (found, expected)
    assert wrong == {}


@pytest.mark.parametrize(
    "filter",
    [
        {"a": {"$frob": 1}}, {"$frob": []}, {"$or": []}, {"$and": {}}, {"a": {"$in": 1}}, {"a": {"$size": "x"}},
        {"a": {"$regex": "("}}, {"a": {"$type": "frob"}}, {"a": {"$not": 1}}, {"a": {"$all": 1}},
        {"a": {"$elemMatch": 1}}, {"a": {"$gt": 1, "b": 2}},
    ],
    ids=str,
)  # fmt: skip
async def test_a_filter_that_makes_no_sense_is_refused(db: Database, filter: dict[str, Any]) -> None:
    await db.c.insert_one({"a": 1})
    with pytest.raises(OperationFailure):
        await db.c.find_one(filter)


# ------------------------------------------------------------------------------------------------ order and pages


async def test_types_sort_in_bson_order(db: Database) -> None:
    values: list[Any] = [
        [], None, float("nan"), float("-inf"), -1, 0.5, Int64(1), 1 << 53, (1 << 53) + 1, 1e300, "", "B", "a",
        {}, {"a": 1}, {"a": 2}, {"b": 0}, b"", b"z", b"aa", ObjectId(bytes(12)), False, True,
        datetime(1960, 1, 1, tzinfo=UTC), NOON,
    ]  # fmt: skip
    await db.c.insert_many([{"_id": at, "v": value} for at, value in reversed(list(enumerate(values)))])
    await db.c.insert_one({"_id": 1000, "v": [[]]})  # an array as a value: between objects and binaries
    order = [item["_id"] for item in await db.c.find({}).sort([("v", 1), ("_id", 1)]).to_list()]
    at = values.index({"b": 0}) + 1
    assert order == [*range(at), 1000, *range(at, len(values))]
    await db.c.create_index([("v", 1), ("_id", 1)])
    assert [item["_id"] for item in await db.c.find({}).sort([("v", 1), ("_id", 1)]).to_list()] == order


async def test_an_array_sorts_by_its_least_or_greatest_element(db: Database) -> None:
    await fill(db, {"v": [1, 9]}, {"v": 5}, {"v": [4, 6]}, {})
    assert [d["_id"] async for d in db.c.find().sort("v", 1)] == [4, 1, 3, 2]
    assert [d["_id"] async for d in db.c.find().sort("v", -1)] == [1, 3, 2, 4]


async def test_compound_sort_skip_and_limit(db: Database) -> None:
    await db.c.insert_many([{"_id": n, "a": n % 3, "b": -n} for n in range(30)])
    expected = sorted(range(30), key=lambda n: (-(n % 3), -n))
    for index in (None, [("a", -1), ("b", 1)], [("a", 1), ("b", -1)]):
        if index:
            await db.c.create_index(index)
        found = await db.c.find({}).sort([("a", -1), ("b", 1)]).skip(5).limit(12).to_list()
        assert [item["_id"] for item in found] == expected[5:17]
    found = await db.c.find({"a": 1, "b": {"$lt": -4}}).sort("b", -1).limit(3).to_list()
    assert [item["_id"] for item in found] == [7, 10, 13]


async def test_cursors_come_in_batches(db: Database) -> None:
    await db.c.insert_many([{"_id": n, "pad": "x" * 100} for n in range(1000)])
    for size in (0, 1, 7, 1000):
        cursor = db.c.find({}, batch_size=size).sort("_id", 1).limit(0 if size != 1 else 20)
        assert [item["_id"] async for item in cursor] == list(range(1000 if size != 1 else 20))
    cursor = db.c.find({"_id": {"$gte": 100}}, batch_size=10).sort("_id", -1).limit(25)
    assert [item["_id"] async for item in cursor] == list(range(999, 974, -1))
    assert [d["_id"] async for d in await db.c.aggregate([{"$sort": {"_id": 1}}], batchSize=9)] == list(
        range(1000)
    )


async def test_a_batch_has_at_most_16_megabytes(db: Database) -> None:
    await db.c.insert_many([{"_id": n, "pad": "x" * (1 << 20)} for n in range(40)])
    assert [item["_id"] async for item in db.c.find({}).sort("_id", 1)] == list(range(40))


async def test_a_killed_cursor_is_gone(db: Database) -> None:
    await db.c.insert_many([{"_id": n} for n in range(10)])
    reply = await db.command({"find": "c", "batchSize": 2})
    number = reply["cursor"]["id"]
    killed = await db.command({"killCursors": "c", "cursors": [number]})
    assert killed["cursorsKilled"] == [number]
    with pytest.raises(OperationFailure) as caught:
        await db.command({"getMore": number, "collection": "c"})
    assert caught.value.code == 43


@pytest.mark.parametrize(
    ("projection", "expected"),
    [
        ({"a": 1}, {"_id": 1, "a": 1}),
        ({"a": 1, "_id": 0}, {"a": 1}),
        ({"_id": 1}, {"_id": 1}),
        ({"_id": 0}, {"a": 1, "b": {"c": 2, "d": 3}, "e": [{"f": 4, "g": 5}, 6]}),
        ({"b.c": 1}, {"_id": 1, "b": {"c": 2}}),
        ({"b.c": 0, "e": 0}, {"_id": 1, "a": 1, "b": {"d": 3}}),
        ({"e.f": 1}, {"_id": 1, "e": [{"f": 4}]}),
        ({"e.f": 0}, {"_id": 1, "a": 1, "b": {"c": 2, "d": 3}, "e": [{"g": 5}, 6]}),
        ({"nothing": True}, {"_id": 1}),
    ],
    ids=str,
)
async def test_projections(db: Database, projection: dict[str, Any], expected: dict[str, Any]) -> None:
    await fill(db, {"a": 1, "b": {"c": 2, "d": 3}, "e": [{"f": 4, "g": 5}, 6]})
    assert await db.c.find_one({}, projection) == expected


async def test_a_mixed_projection_is_refused(db: Database) -> None:
    await fill(db, {"a": 1})
    with pytest.raises(OperationFailure):
        await db.c.find_one({}, {"a": 1, "b": 0})


async def test_count_and_distinct(db: Database) -> None:
    await fill(db, {"a": 1, "t": ["x", "y"]}, {"a": 1.0, "t": "y"}, {"a": 2}, {"a": None, "t": []})
    assert await db.c.count_documents({}) == 4
    assert await db.c.count_documents({"a": 1}) == 2
    assert await db.c.count_documents({"a": {"$gte": 1}}, skip=1, limit=1) == 1
    assert await db.c.count_documents({"a": 77}) == 0
    assert await db.c.estimated_document_count() == 4
    assert sorted(await db.c.distinct("t")) == ["x", "y"]
    assert len(await db.c.distinct("a", {"a": {"$ne": None}})) == 2
    assert await db.nothing.count_documents({}) == 0
    assert await db.nothing.find({}).to_list() == []


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


# ------------------------------------------------------------------------------------------------ indexes


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


# ------------------------------------------------------------------------------------------------ aggregation

SALES: tuple[dict[str, Any], ...] = (
    {"who": "ann", "n": 2, "price": 1.5, "tags": ["x", "y"]},
    {"who": "bob", "n": 1, "price": 2, "tags": []},
    {"who": "ann", "n": 5, "price": None, "tags": ["y"]},
    {"who": "cyd", "n": Int64(4), "nest": {"a": [1, 2]}},
)

PIPELINES: list[tuple[str, list[dict[str, Any]], list[dict[str, Any]]]] = [
    ("match, sort, skip, limit", [{"$match": {"n": {"$gt": 1}}}, {"$sort": {"n": -1}}, {"$skip": 1}, {"$limit": 1},  # noqa: E501
        {"$project": {"n": 1}}], [{"_id": 4, "n": 4}]),
    ("limit before skip", [{"$sort": {"_id": 1}}, {"$limit": 3}, {"$skip": 1}, {"$project": {"_id": 1}}],
        [{"_id": 2}, {"_id": 3}]),
    ("match after limit", [{"$sort": {"_id": 1}}, {"$limit": 2}, {"$match": {"who": "ann"}}, {"$project": {"n": 1}}],  # noqa: E501
        [{"_id": 1, "n": 2}]),
    ("group", [{"$group": {"_id": "$who", "sum": {"$sum": "$n"}, "avg": {"$avg": "$price"}, "count": {"$sum": 1},
        "least": {"$min": "$n"}, "most": {"$max": "$price"}}}, {"$sort": {"_id": 1}}],
        [{"_id": "ann", "sum": 7, "avg": 1.5, "count": 2, "least": 2, "most": 1.5},
         {"_id": "bob", "sum": 1, "avg": 2.0, "count": 1, "least": 1, "most": 2},
         {"_id": "cyd", "sum": 4, "avg": None, "count": 1, "least": 4, "most": None}]),
    ("group all", [{"$sort": {"_id": 1}}, {"$group": {"_id": None, "first": {"$first": "$who"},
        "last": {"$last": "$price"}, "all": {"$push": "$n"}}}],
        [{"_id": None, "first": "ann", "last": None, "all": [2, 1, 5, 4]}]),
    ("group by a pair", [{"$match": {"who": "ann"}}, {"$group": {"_id": {"w": "$who", "p": "$nothing"},
        "c": {"$count": {}}}}], [{"_id": {"w": "ann"}, "c": 2}]),
    ("unwind", [{"$unwind": "$tags"}, {"$sort": {"_id": 1, "tags": 1}}, {"$project": {"tags": 1}}],
        [{"_id": 1, "tags": "x"}, {"_id": 1, "tags": "y"}, {"_id": 3, "tags": "y"}]),
    ("unwind keeping", [{"$match": {"_id": {"$gte": 2}}}, {"$sort": {"_id": 1}}, {"$unwind": {"path": "$tags",
        "preserveNullAndEmptyArrays": True, "includeArrayIndex": "i"}}, {"$project": {"tags": 1, "i": 1}}],
        [{"_id": 2, "i": None}, {"_id": 3, "tags": "y", "i": 0}, {"_id": 4, "i": None}]),
    ("unwind a scalar", [{"$match": {"_id": 1}}, {"$unwind": "$who"}, {"$project": {"who": 1}}],
        [{"_id": 1, "who": "ann"}]),
    ("project computed", [{"$match": {"_id": 1}}, {"$project": {"_id": 0, "total": {"$multiply": ["$n", "$price"]},  # noqa: E501
        "who": 1, "name": "$who", "none": "$nothing"}}], [{"who": "ann", "total": 3.0, "name": "ann"}]),
    ("project out", [{"$match": {"_id": 4}}, {"$project": {"nest.a": 0, "n": 0}}],
        [{"_id": 4, "who": "cyd", "nest": {}}]),
    ("add fields", [{"$match": {"_id": 4}}, {"$addFields": {"nest.b": {"$size": "$nest.a"}, "n": "$$ROOT.n"}}],
        [{"_id": 4, "who": "cyd", "n": 4, "nest": {"a": [1, 2], "b": 2}}]),
    ("cond", [{"$sort": {"_id": 1}}, {"$set": {"n": {"$cond": [{"$gte": ["$n", 4]}, "many", "few"]}}},
        {"$group": {"_id": "$n", "c": {"$sum": 1}}}, {"$sort": {"_id": 1}}],
        [{"_id": "few", "c": 2}, {"_id": "many", "c": 2}]),
    ("if null", [{"$sort": {"_id": 1}}, {"$project": {"p": {"$ifNull": ["$price", 0]}}}],
        [{"_id": 1, "p": 1.5}, {"_id": 2, "p": 2}, {"_id": 3, "p": 0}, {"_id": 4, "p": 0}]),
    ("count", [{"$match": {"who": "ann"}}, {"$count": "total"}], [{"total": 2}]),
    ("count nothing", [{"$match": {"who": "zed"}}, {"$count": "total"}], []),
    ("facet", [{"$sort": {"_id": 1}}, {"$facet": {"top": [{"$limit": 1}, {"$project": {"_id": 1}}],
        "all": [{"$count": "n"}]}}], [{"top": [{"_id": 1}], "all": [{"n": 4}]}]),
    ("replace root", [{"$match": {"_id": 4}}, {"$replaceRoot": {"newRoot": "$nest"}}], [{"a": [1, 2]}]),
]  # fmt: skip


ONLY_MONGODB = [case[1] for case in PIPELINES if case[0] in ("group by a pair", "count nothing")]


@pytest.mark.parametrize(("pipeline", "expected"), [c[1:] for c in PIPELINES], ids=[c[0] for c in PIPELINES])
async def test_pipelines(
    db: Database, engine: str, pipeline: list[dict[str, Any]], expected: list[dict[str, Any]]
) -> None:
    if engine == "external" and pipeline in ONLY_MONGODB:
        pytest.skip("DocumentDB differs from MongoDB here: it groups missing as null, and counts nothing as 0")
    await fill(db, *SALES)
    assert await (await db.c.aggregate(pipeline)).to_list() == expected


async def test_add_to_set_collects_each_value_once(db: Database) -> None:
    await fill(db, {"a": 1}, {"a": 1.0}, {"a": "x"})
    (found,) = await (await db.c.aggregate([{"$group": {"_id": None, "set": {"$addToSet": "$a"}}}])).to_list()
    assert sorted(str(value)[0] for value in found["set"]) == ["1", "x"]


async def test_lookup_joins_by_equality(db: Database) -> None:
    await db.users.insert_many([{"_id": "u1", "k": [1, 2]}, {"_id": "u2", "k": 2}, {"_id": "u3"}])
    await fill(db, {"user": "u1"}, {"user": ["u1", "u2"]}, {"user": "u9"}, {"k": 2}, {})
    pipeline: list[dict[str, Any]] = [
        {"$lookup": {"from": "users", "localField": "user", "foreignField": "_id", "as": "found.u"}},
        {"$sort": {"_id": 1}},
    ]
    found = await (await db.c.aggregate(pipeline)).to_list()
    assert [[user["_id"] for user in item["found"]["u"]] for item in found] == [["u1"], ["u1", "u2"], [], [], []]
    pipeline[0]["$lookup"] |= {"localField": "k", "foreignField": "k", "as": "u"}
    found = await (await db.c.aggregate(pipeline)).to_list()
    assert [[user["_id"] for user in item["u"]] for item in found] == [
        ["u3"], ["u3"], ["u3"], ["u1", "u2"], ["u3"]
    ]  # fmt: skip


@pytest.mark.parametrize(
    "pipeline",
    [
        [{"$frob": 1}], [{"$match": 1}], [{"$match": {}, "$limit": 1}], [{"$limit": 0}], [{"$skip": -1}], [{"$group": {"a": 1}}],  # noqa: E501
        [{"$group": {"_id": 1, "a": {"$frob": 1}}}], [{"$project": {"a": {"$frob": 1}}}],
        [{"$unwind": "a"}], [{"$count": "$a"}], [{"$replaceRoot": {"newRoot": "$a"}}], [{"$project": {"a": 1, "b": 0}}],  # noqa: E501
        [{"$facet": {"a": [{"$facet": {}}]}}],
    ],
    ids=str,
)  # fmt: skip
async def test_a_wrong_pipeline_is_refused(db: Database, pipeline: list[dict[str, Any]]) -> None:
    await db.c.insert_one({"a": 1})
    with pytest.raises(OperationFailure):
        await (await db.c.aggregate(pipeline)).to_list()


async def test_an_unknown_command_is_refused(db: Database) -> None:
    with pytest.raises(OperationFailure) as caught:
        await db.command("frobnicate", 1)
    assert caught.value.code == 59


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
