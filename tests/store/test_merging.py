"""Ranges of an index merged in its order: the same answers as a full sort, and no more work than a page needs."""

from collections.abc import Iterator
from typing import Any

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.documentserver.finding import Query
from mediaserver.documentserver.matching.filters import Filter
from mediaserver.documentserver.planning.indexes import parse_index
from mediaserver.documentserver.storage import Collection, Storage

Sort = list[tuple[str, int]]


@pytest.fixture
def storage() -> Iterator[Storage]:
    storage = Storage(":memory:", "OFF")
    yield storage
    storage.sql.close()


def filled(
    storage: Storage, name: str, keys: list[dict[str, int]], documents: list[dict[str, Any]]
) -> Collection:
    collection = storage.make("t", name)
    for at, key in enumerate(keys):
        storage.add_index(collection, parse_index({"key": key, "name": f"i{at}"}))
    for number, document in enumerate(documents):
        collection.insert(bson.decode(bson.encode({"_id": number, **document})))
    return collection


def found(collection: Collection, filter: dict[str, Any], sort: Sort, skip: int = 0, limit: int = 0) -> list[Any]:
    query = Query(Filter(filter), sort, skip, limit)
    return [item.document["_id"] for item in query.run(collection)]


AUTHORS = ["", "a", "ab", "b", "b\0", "bb", 1, 2.5, None, True]
DOCUMENTS = st.lists(
    st.fixed_dictionaries(
        {"author": st.sampled_from(AUTHORS), "at": st.integers(0, 5), "seen": st.booleans()},
        optional={"kind": st.sampled_from(["x", "y", "z", None])},
    ),
    max_size=60,
)
WANTED = st.lists(st.sampled_from([*AUTHORS, "nobody"]), min_size=2, max_size=8, unique=True)
RESIDUAL = st.sampled_from([{}, {"seen": True}, {"at": {"$lt": 4}}, {"at": {"$gte": 1, "$lte": 3}}, {"at": 2}])
KINDS = st.sampled_from([{}, {"kind": {"$in": ["x", "z"]}}, {"kind": "y"}, {"kind": None}])
SORTS: list[Sort] = [[("at", 1), ("_id", 1)], [("at", -1), ("_id", -1)], [("_id", -1)], [("_id", 1)]]


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS, WANTED, RESIDUAL, KINDS, st.sampled_from(SORTS), st.integers(0, 5), st.integers(0, 9))
def test_merging_changes_no_answer(
    documents: list[dict[str, Any]],
    wanted: list[Any],
    residual: Any,
    kinds: Any,
    sort: Sort,
    skip: int,
    limit: int,
) -> None:
    storage = Storage(":memory:", "OFF")
    try:
        bare = filled(storage, "bare", [], documents)
        filter_ = {"author": {"$in": wanted}, **residual, **kinds}
        expected = found(bare, filter_, sort, skip, limit)
        for number, key in enumerate(
            (
                {"author": 1, "at": 1, "_id": 1},
                {"author": -1, "at": -1, "_id": -1},
                {"author": 1, "_id": -1},
                {"kind": -1, "author": 1, "at": 1, "_id": 1},
                {"author": 1, "kind": 1, "_id": 1},
            )
        ):
            collection = filled(storage, f"c{number}", [key], documents)
            assert found(collection, filter_, sort, skip, limit) == expected
    finally:
        storage.sql.close()


@pytest.mark.parametrize("direction", [1, -1])
def test_a_page_of_many_authors_reads_no_more_than_the_page(storage: Storage, direction: int) -> None:
    documents = [{"author": f"u{n * 7919 % 500}", "hidden": n % 4 == 0} for n in range(5000)]
    collection = filled(storage, "c", [{"author": 1, "_id": 1}], documents)
    wanted = [f"u{n}" for n in range(0, 500, 2)]
    mine = [n for n, document in enumerate(documents) if document["author"] in wanted][::direction]
    query = Query(Filter({"author": {"$in": wanted}}), [("_id", direction)], limit=20)
    assert [item.document["_id"] for item in query.run(collection)] == mine[:20]
    assert query.examined == 20
    shown = [n for n in mine if not documents[n]["hidden"]]
    query = Query(Filter({"author": {"$in": wanted}, "hidden": False}), [("_id", direction)], skip=10, limit=20)
    assert [item.document["_id"] for item in query.run(collection)] == shown[10:30]
    assert query.examined <= 60
    everything = Query(Filter({"author": {"$in": wanted}}), [("_id", direction)])
    assert [item.document["_id"] for item in everything.run(collection)] == mine


def test_a_merge_begins_at_a_position(storage: Storage) -> None:
    collection = filled(storage, "c", [{"author": 1, "_id": 1}], [{"author": f"u{n % 100}"} for n in range(3000)])
    wanted = [f"u{n}" for n in range(50)]
    query = Query(Filter({"author": {"$in": wanted}, "_id": {"$lt": 1010}}), [("_id", -1)], limit=3)
    assert [item.document["_id"] for item in query.run(collection)] == [1009, 1008, 1007]
    assert query.examined == 3


def test_thousands_of_points_are_looked_up_not_scanned_for(storage: Storage) -> None:
    collection = filled(storage, "c", [], [{} for _ in range(6000)])
    query = Query(Filter({"_id": {"$in": list(range(0, 6000, 2))}}))
    assert sum(1 for _ in query.run(collection)) == 3000
    assert query.examined == 3000


TAGS = st.lists(st.sampled_from(["a", "b", "c", None, 1]), max_size=4)
TAGGED = st.lists(
    st.fixed_dictionaries({"tags": TAGS | st.sampled_from(["a", "b", None]), "seen": st.booleans()}), max_size=40
)


@settings(max_examples=200, deadline=None)
@given(
    TAGGED,
    st.sampled_from(["a", "b", None, {"$in": ["a", "b"]}, {"$in": ["c", 1, None]}, {"$gt": "a"}]),
    st.sampled_from([{}, {"_id": {"$lt": 20}}, {"_id": {"$gt": 3, "$lte": 30}}, {"_id": 5}, {"seen": True}]),
    st.sampled_from([-1, 1]),
    st.integers(0, 9),
)
def test_elements_of_arrays_are_read_in_the_order_of_ids(
    documents: list[dict[str, Any]], tags: Any, more: dict[str, Any], way: int, limit: int
) -> None:
    storage = Storage(":memory:", "OFF")
    plain = filled(storage, "plain", [], documents)
    indexed = filled(storage, "indexed", [{"tags": 1, "_id": 1}], documents)
    filter, sort = {"tags": tags, **more}, [("_id", way)]
    assert found(indexed, filter, sort, 0, limit) == found(plain, filter, sort, 0, limit)
    storage.sql.close()


def test_a_page_of_a_tag_reads_the_page(storage: Storage) -> None:
    tagged = [{"tags": ["a", "b"] if n % 2 else ["b"]} for n in range(400)]
    collection = filled(storage, "tagged", [{"tags": 1, "_id": 1}], tagged)
    query = Query(Filter({"tags": "b", "_id": {"$lt": 200}}), [("_id", -1)], 0, 10)
    assert [item.document["_id"] for item in query.run(collection)] == list(range(199, 189, -1))
    assert query.examined <= 11
