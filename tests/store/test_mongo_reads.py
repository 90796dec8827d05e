"""What the repositories rely on when they read: filters, order, pages and aggregation, asked of every engine."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Int64, ObjectId
from bson.regex import Regex
from pymongo.errors import OperationFailure
from pymongo.operations import IndexModel

from tests.store.contract import NOON, Database, fill, ids

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
