"""Filters that ask an array for several values or beginnings: how the embedded server plans them."""

from collections.abc import Iterator
from typing import Any

import bson
import pytest
from bson import Regex
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.documentserver.finding import Query
from mediaserver.documentserver.matching.filters import Filter
from mediaserver.documentserver.planning.indexes import parse_index
from mediaserver.documentserver.storage import Collection, Storage
from tests.store.contract import Database

WORDS = ["r", "ru", "run", "runs", "~run", "s", "sun", "東京", "京都", "都", "c++"]
INDEXES = [{"key": {"w": 1, "_id": 1}, "name": "w"}, {"key": {"t": 1, "_id": 1}, "name": "t"},
           {"key": {"u": 1, "_id": 1}, "name": "u"}]  # fmt: skip


@pytest.fixture
def storage() -> Iterator[Storage]:
    storage = Storage(":memory:", "OFF")
    yield storage
    storage.sql.close()


def collection_of(storage: Storage, documents: list[dict[str, Any]], indexed: bool = True) -> Collection:
    collection = storage.make("db", "c")
    for source in INDEXES if indexed else []:
        storage.add_index(collection, parse_index(source))
    for document in documents:
        collection.insert(bson.decode(bson.encode(document)))
    return collection


def found(query: Query, collection: Collection) -> list[int]:
    return [item.document["_id"] for item in query.run(collection)]


CONDITIONS = st.one_of(
    st.sampled_from(WORDS),
    st.builds(lambda words: {"$in": words}, st.lists(st.sampled_from(WORDS), min_size=1, max_size=3)),
    st.builds(lambda word: Regex(f"^{word}"), st.sampled_from(["r", "ru", "s", "東", "x", r"c\+"])),
    st.builds(lambda word: {"$in": [Regex(f"^{word}"), "~run", "sun"]}, st.sampled_from(["r", "s", "q"])),
    st.just({"$in": [Regex("^r", 2), "sun"]}),
    st.just(Regex("u")),
)
FILTERS = st.builds(
    lambda conditions, more: {"$and": [*({"w": one} for one in conditions), more]},
    st.lists(CONDITIONS, min_size=1, max_size=3),
    st.sampled_from([{}, {"u": 1}, {"_id": {"$lt": 20}}, {"_id": {"$gte": 5, "$lt": 30}}, {"u": {"$ne": 1}}]),
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(st.lists(st.sampled_from(WORDS), max_size=4), st.integers(0, 3)), max_size=40),
    filters=st.lists(FILTERS, min_size=4, max_size=8),
    few=st.sampled_from([0, 2, 1000]),
)
def test_plans_change_no_answer(rows: list[Any], filters: list[dict[str, Any]], few: int) -> None:
    documents = [{"_id": at, "w": words, "t": n, "u": n % 2} for at, (words, n) in enumerate(rows)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mediaserver.documentserver.planning.term_plans.FEW", few)
        storages = [Storage(":memory:", "OFF") for _ in range(2)]
        try:
            slow, fast = (collection_of(s, documents, s is storages[1]) for s in storages)
            for source in filters:
                for sort in ([("_id", 1)], [("_id", -1)], [("t", 1), ("_id", 1)], [("t", -1), ("_id", -1)]):
                    for limit in (0, 3):
                        expected = found(Query(Filter(source), sort, limit=limit), slow)
                        assert found(Query(Filter(source), sort, limit=limit), fast) == expected, (source, sort)
                assert Query(Filter(source)).count(fast) == Query(Filter(source)).count(slow)
                assert sorted(found(Query(Filter(source)), fast)) == found(Query(Filter(source)), slow)
        finally:
            for storage in storages:
                storage.sql.close()


def _many(count: int = 4000) -> list[dict[str, Any]]:
    return [
        {
            "_id": at,
            "w": ["common", f"word{at % 50}", *(["rare"] if at % 1000 == 0 else [])],
            "t": -at,
            "u": at % 7,
        }
        for at in range(count)
    ]


def _examined(collection: Collection, source: dict[str, Any], sort: list[tuple[str, int]], limit: int = 5) -> int:
    query = Query(Filter(source), sort, limit=limit)
    assert len(found(query, collection)) == limit
    return query.examined


def test_the_rarest_word_leads(storage: Storage) -> None:
    collection = collection_of(storage, _many())
    both = {"$and": [{"w": "common"}, {"w": "rare"}]}
    assert _examined(collection, both, [("_id", -1)], 4) == 4
    assert _examined(collection, both, [("t", 1)], 4) == 4


def test_a_page_of_a_common_word_reads_a_page(storage: Storage) -> None:
    collection = collection_of(storage, _many())
    prefix = Regex("^w")
    for condition in (
        {"w": "common"},
        {"w": prefix},
        {"$and": [{"w": "common"}, {"w": {"$in": [prefix, "~w"]}}]},
    ):
        assert _examined(collection, condition, [("_id", -1)]) <= 6
        assert _examined(collection, condition, [("t", 1), ("_id", 1)]) <= 6
        assert _examined(collection, {**condition, "_id": {"$lt": 100}}, [("_id", -1)]) <= 6


def test_an_equal_field_leads_where_its_index_gives_the_order(storage: Storage) -> None:
    collection = collection_of(storage, _many())
    assert _examined(collection, {"$and": [{"w": "common"}, {"w": Regex("^w")}, {"u": 3}]}, [("_id", -1)]) <= 6


def test_beginnings_of_thousands_of_words_are_met_in_order(storage: Storage) -> None:
    documents = [{"_id": at, "w": [f"w{at}", f"w{at}x"], "t": 0, "u": 0} for at in range(3000)]
    collection = collection_of(storage, documents)
    assert _examined(collection, {"w": Regex("^w")}, [("_id", -1)]) == 5
    assert Query(Filter({"w": Regex("^w1")})).count(collection) == 1111


async def test_a_search_says_how_it_is_done(local: Database) -> None:
    await local.c.create_index([("w", 1), ("_id", 1)])
    await local.c.insert_many([{"_id": at, "w": ["a", "b"]} for at in range(2000)])
    explained = await local.c.find({"$and": [{"w": "a"}, {"w": "b"}]}).sort("_id", -1).explain()
    stage = explained["queryPlanner"]["winningPlan"]
    assert (stage["stage"], stage["inputStage"]["indexName"]) == ("TERM_MATCH", "w_1__id_1")


def test_text_indexes_of_earlier_versions_are_dropped(storage: Storage) -> None:
    collection = collection_of(storage, [{"_id": 1, "w": ["red"]}])
    spec = {"v": 2, "key": {"_fts": "text", "_ftsx": 1}, "name": "search", "weights": {"title": 1}}
    storage.sql.execute(
        "INSERT INTO indexes (id, collection, spec, multikey) VALUES (90, ?, ?, 1)",
        (collection.id, bson.encode(spec)),
    )
    storage.sql.execute(
        "CREATE TABLE i90 (key BLOB NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (key, n)) WITHOUT ROWID"
    )
    storage.load()
    reopened = storage.find("db", "c")
    assert reopened is not None
    assert [index.name for index in reopened.indexes] == ["_id_", "w", "t", "u"]
    assert not storage.sql.execute("SELECT 1 FROM sqlite_master WHERE name = 'i90'").fetchall()
    reopened.insert({"_id": 2, "w": ["red"]})
    assert found(Query(Filter({"w": "red"})), reopened) == [1, 2]
