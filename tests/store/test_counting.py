"""Counts: the same by an index as by looking at every document, and then without looking at any."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.documentserver.aggregation.counting import counted
from mediaserver.documentserver.aggregation.pipeline import compile_pipeline
from mediaserver.documentserver.finding import Query
from mediaserver.documentserver.matching.filters import Filter
from mediaserver.documentserver.planning.indexes import parse_index
from mediaserver.documentserver.storage import Collection, Storage
from tests.store.contract import Database, fill

KEYS: list[dict[str, int]] = [
    {"a": 1, "b": -1},
    {"b": 1},
    {"tags": 1},
    {"a": 1, "tags": 1},
    {"tags": 1, "_id": -1},
]
SCALARS = st.sampled_from(["x", "y", "", 0, 1, 1.0, float("nan"), None, True])
TAGS = st.one_of(st.sampled_from(["x", "y"]), st.lists(st.sampled_from(["x", "y", None]), max_size=2))
DOCUMENTS = st.lists(st.fixed_dictionaries({"a": SCALARS}, optional={"b": SCALARS, "tags": TAGS}), max_size=20)
ASKED = st.one_of(
    SCALARS,
    st.fixed_dictionaries({"$in": st.lists(SCALARS, max_size=3)}),
    st.fixed_dictionaries({"$gte": st.sampled_from([0, 1, "x"])}),
    st.fixed_dictionaries({"$lt": st.sampled_from([1, 2.5, "y"])}),
)
FILTERS = st.dictionaries(st.sampled_from(["a", "b", "tags", "_id"]), ASKED, max_size=2)
STAGES: list[dict[str, Any]] = [
    {"$count": "n"},
    {"$group": {"_id": 1, "n": {"$sum": 1}}},
    {"$group": {"_id": None, "n": {"$count": {}}, "m": {"$sum": 1}}},
    {"$group": {"_id": "$a", "n": {"$sum": 1}}},
    {"$group": {"_id": "$tags", "n": {"$sum": 1}}},
    {"$group": {"_id": "$a", "n": {"$sum": "$b"}}},
    {"$group": {"_id": "$a", "n": {"$sum": 1.0}}},
]


def filled(storage: Storage, documents: list[dict[str, Any]]) -> Collection:
    collection = storage.make("t", "c")
    for at, key in enumerate(KEYS):
        storage.add_index(collection, parse_index({"key": key, "name": f"i{at}"}))
    for number, document in enumerate(documents):
        collection.insert({"_id": number, **document})
    return collection


def shown(documents: Any) -> list[str]:
    return sorted(map(repr, documents))


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS, FILTERS, st.sampled_from(STAGES), st.integers(0, 2), st.integers(0, 3))
def test_an_index_counts_as_reading_does(
    documents: list[dict[str, Any]], filter: dict[str, Any], stage: dict[str, Any], skip: int, limit: int
) -> None:
    storage = Storage(":memory:", "OFF")
    try:
        collection = filled(storage, documents)
        query = Query(Filter(filter), skip=skip, limit=limit)
        got = counted(stage, query, collection)
        # Counting everything, it does not matter which ones are skipped.
        everything = (found.document for found in Query(Filter(filter), skip=skip, limit=limit).run(collection))
        if got is not None:
            assert shown(got) == shown(compile_pipeline([stage], lambda _: [])(everything))
    finally:
        storage.sql.close()


@pytest.mark.parametrize(
    ("filter", "stage", "expected"),
    [
        ({"a": "x"}, {"$group": {"_id": 1, "n": {"$sum": 1}}}, [{"_id": 1, "n": 2}]),
        ({"a": "x", "b": {"$lt": 5}}, {"$count": "n"}, [{"n": 1}]),
        ({}, {"$count": "n"}, [{"n": 4}]),
        ({"a": "none"}, {"$count": "n"}, []),
        ({"tags": {"$in": ["p", "q"]}}, {"$count": "n"}, [{"n": 2}]),
        (
            {"b": {"$in": ["one", "two", "none"]}},
            {"$group": {"_id": "$b", "n": {"$sum": 1}}},
            [{"_id": "one", "n": 1}, {"_id": "two", "n": 1}],
        ),
    ],
    ids=str,
)
def test_what_an_index_answers_is_not_read(
    filter: dict[str, Any], stage: dict[str, Any], expected: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(":memory:", "OFF")
    collection = filled(
        storage,
        [{"a": "x", "b": 1, "tags": ["p", "q"]}, {"a": "x", "b": "one", "tags": "p"}, {"a": "y", "b": "two"}, {}],
    )
    monkeypatch.setattr(Collection, "read", None)
    assert counted(stage, Query(Filter(filter)), collection) == expected
    storage.sql.close()


@pytest.mark.parametrize("stage", [{"$group": {"_id": "$tags", "n": {"$sum": 1}}}, *STAGES[5:]], ids=str)
def test_what_needs_the_documents_is_left_to_the_pipeline(stage: dict[str, Any]) -> None:
    storage = Storage(":memory:", "OFF")
    collection = filled(storage, [{"a": "x", "tags": ["p", "q"]}])
    assert counted(stage, Query(Filter({"tags": {"$in": ["p"]}})), collection) is None
    storage.sql.close()


async def test_counts_follow_by_every_engine(db: Database) -> None:
    await db.c.create_index([("course", 1), ("done", 1)])
    await fill(db, *({"course": f"c{n % 3}", "done": n % 2 == 0} for n in range(10)))
    assert await db.c.count_documents({"course": "c0"}) == 4
    assert await db.c.count_documents({"course": "c0", "done": True}) == 2
    assert await db.c.count_documents({"course": "c0"}, skip=1, limit=2) == 2
    assert await db.c.count_documents({"course": "none"}) == 0
    pipeline: list[dict[str, Any]] = [
        {"$match": {"course": {"$in": ["c0", "c1", "none"]}}},
        {"$group": {"_id": "$course", "n": {"$sum": 1}}},
        {"$sort": {"_id": 1}},
    ]
    assert await (await db.c.aggregate(pipeline)).to_list() == [{"_id": "c0", "n": 4}, {"_id": "c1", "n": 3}]
