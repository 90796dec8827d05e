"""Text search of the embedded server alone: what its index may change (time) and may not (answers)."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from mediaserver.store.embedded import finding, wordscan
from mediaserver.store.embedded.errors import CommandError
from mediaserver.store.embedded.filters import Filter
from mediaserver.store.embedded.finding import Query
from mediaserver.store.embedded.storage import Collection, Storage
from mediaserver.store.embedded.textindex import parse_any_index
from tests.store.conftest import embedded_server
from tests.store.test_mongo_text import Database, fill, matching, searchable


@pytest.fixture
def storage() -> Iterator[Storage]:
    storage = Storage(":memory:", "OFF")
    yield storage
    storage.sql.close()


def collection_of(storage: Storage, documents: list[dict[str, Any]], *more: dict[str, Any]) -> Collection:
    collection = storage.make("t", "c")
    text = {"key": {"title": "text", "more": "text"}, "name": "search", "default_language": "none"}
    for source in (text, *more):
        storage.add_index(collection, parse_any_index(source))
    for number, document in enumerate(documents):
        collection.insert({"_id": number, **document})
    return collection


def found(query: Query, collection: Collection) -> list[int]:
    return [item.document["_id"] for item in query.run(collection)]


WORDS = ["red", "blue", "Crème", "creme", "x", "über"]
SOURCES = st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join)
TEXTS = st.one_of(SOURCES, st.lists(SOURCES, max_size=2), st.none(), st.just(5))
DOCUMENTS = st.lists(
    st.fixed_dictionaries({"n": st.integers(0, 3)}, optional={"title": TEXTS, "more": TEXTS}), max_size=25
)
PIECES = st.one_of(st.sampled_from(WORDS), SOURCES.map('"{}"'.format), st.sampled_from(WORDS).map("-{}".format))
SEARCHES = st.lists(PIECES, max_size=4).map(" ".join)
SORTS = st.sampled_from([[], [("_id", -1)], [("n", 1), ("_id", 1)], [("n", -1), ("_id", 1)]])
CONDITIONS = st.sampled_from([{}, {"n": 1}, {"n": {"$in": [0, 2]}}, {"n": {"$gte": 2}}, {"_id": {"$lt": 9}}])


@settings(max_examples=200, deadline=None)
@example([{"n": 0}, {"n": 0, "title": "red"}], "red", {"n": {"$in": [0, 2]}}, [("_id", -1)], 0, 0)
@given(DOCUMENTS, SEARCHES, CONDITIONS, SORTS, st.sampled_from([0, 2, 1000]), st.integers(0, 5))
def test_the_index_changes_no_answer(
    documents: list[dict[str, Any]], source: str, conditions: Any, sort: Any, few: int, limit: int
) -> None:
    """However rare words are, whatever else is asked: as if each document had been read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wordscan, "FEW", few)
        storage = Storage(":memory:", "OFF")
        collection = collection_of(storage, documents, {"key": {"n": 1, "_id": 1}, "name": "n"})
        filter_ = Filter({"$text": {"$search": source}, **conditions})
        got = found(Query(filter_, sort, limit=limit if sort else 0), collection)
        naive = Filter({"$text": {"$search": source}, **conditions})
        assert naive.text is not None
        naive.text.paths = (("title",), ("more",))
        ordered = Query(Filter({}), sort).run(collection)
        expected = [item.document["_id"] for item in ordered if naive.matches(item.document)]
        storage.sql.close()
    assert (got if sort else sorted(got)) == (expected[: limit or None] if sort else sorted(expected))


def test_few_finds_are_read_and_sorted(storage: Storage) -> None:
    collection = collection_of(storage, [{"title": f"word{n % 500} all"} for n in range(2000)])
    query = Query(Filter({"$text": {"$search": '"word7" "all"'}}), [("_id", -1)], limit=3)
    assert found(query, collection) == [1507, 1007, 507]
    assert query.examined == 3


def test_many_finds_are_met_in_the_order_asked_for(storage: Storage) -> None:
    collection = collection_of(
        storage, [{"title": f"word{n % 2} all", "n": n % 5} for n in range(4000)], {"key": {"n": 1}, "name": "n"}
    )
    query = Query(Filter({"$text": {"$search": '"word1" "all"'}}), [("_id", -1)], limit=3)
    assert found(query, collection) == [3999, 3997, 3995]
    assert query.examined == 3
    query = Query(Filter({"$text": {"$search": "word0 word1"}, "n": {"$gte": 3}}), [("n", -1)], limit=3)
    assert found(query, collection) == [3999, 3994, 3989]
    assert query.examined == 3


def test_thousands_of_words_are_one_search(storage: Storage) -> None:
    collection = collection_of(storage, [{"title": "red car"}, {"title": "w9999"}])
    many = " ".join(f"w{n}" for n in range(10_000))
    assert found(Query(Filter({"$text": {"$search": many}})), collection) == [1]
    required = " ".join(f'"w{n}"' for n in range(10_000))
    assert found(Query(Filter({"$text": {"$search": required}})), collection) == []
    with pytest.raises(CommandError, match="more than"):
        too_many = " ".join(f"w{n}" for n in range(finding.MOST_TERMS + 1))
        found(Query(Filter({"$text": {"$search": too_many}})), collection)


def test_a_long_phrase_is_found_though_not_all_its_words_are_joined(storage: Storage) -> None:
    text = " ".join(f"w{n}" for n in range(100))
    collection = collection_of(storage, [{"title": text}, {"title": text.replace("w99", "")}])
    assert found(Query(Filter({"$text": {"$search": f'"{text}"'}})), collection) == [0]


async def test_quoted_words_are_all_required(local: Database) -> None:
    await searchable(local, {"title": "red car"}, {"title": "Car, then RED"}, {"title": "red"}, {"title": "car"})
    assert await matching(local, '"red" "car"') == [1, 2]
    assert await matching(local, '"red" car') == [1, 2, 3]
    assert await matching(local, "car - red") == [1, 2, 3, 4]
    assert await matching(local, "-red") == []


async def test_accents_and_case_do_not_matter(local: Database) -> None:
    await searchable(local, {"title": "Crème Brûlée"}, {"title": "STRASSE"}, {"title": "東京タワー"})
    assert await matching(local, "creme") == await matching(local, "CRÈME") == [1]
    assert await matching(local, "straße") == [2]
    assert await matching(local, "東京タワー") == [3]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, "default_language"),
        ({"default_language": "english"}, "default_language"),
        ({"default_language": "none", "unique": True}, "unique"),
        ({"default_language": "none", "sparse": True}, "sparse"),
        ({"default_language": "none", "partialFilterExpression": {"a": 1}}, "partialFilterExpression"),
        ({"default_language": "none", "textIndexVersion": 1}, "textIndexVersion"),
        ({"default_language": "none", "weights": {"a": 0}}, "weight"),
        ({"default_language": "none", "language_override": 1}, "language_override"),
        ({"default_language": "none", "key": {"a": "text", "b": 1}}, "'b'"),
        ({"default_language": "none", "key": {"$**": "text"}}, "$**"),
        ({"default_language": "none", "key": {"a": "text", "b": "hashed"}}, "'b'"),
    ],
    ids=str,
)
async def test_what_a_text_index_cannot_do_is_refused_by_name(
    local: Database, options: dict[str, Any], names: str
) -> None:
    with pytest.raises(OperationFailure, match=names.replace("$", "[$]").replace("*", "[*]")):
        await local.command({"createIndexes": "c", "indexes": [{"key": {"a": "text"}, "name": "t", **options}]})


async def test_a_collection_has_one_text_index(local: Database) -> None:
    await searchable(local, {"title": "red"})
    with pytest.raises(OperationFailure) as second:
        await local.c.create_index([("other", "text")], name="second", default_language="none")
    assert second.value.code == 67
    with pytest.raises(OperationFailure) as changed:
        await local.c.create_index([("other", "text")], name="search", default_language="none")
    assert changed.value.code == 85


@pytest.mark.parametrize(
    ("filter", "code"),
    [
        ({"$text": {"$search": "red", "$sort": 1}}, 2),
        ({"$text": {"$search": "red", "$language": "german"}}, 2),
        ({"$text": {"$search": "red", "$diacriticSensitive": True}}, 115),
        ({"$text": {}}, 14),
        ({"$or": [{"$text": {"$search": "red"}}, {"n": 1}]}, 2),
        ({"$nor": [{"$text": {"$search": "red"}}]}, 2),
    ],
    ids=str,
)
async def test_searches_are_refused_with_mongodbs_codes(
    local: Database, filter: dict[str, Any], code: int
) -> None:
    await searchable(local, {"title": "red"})
    with pytest.raises(OperationFailure) as caught:
        await local.c.find(filter).to_list()
    assert caught.value.code == code


async def test_a_search_takes_no_hint_and_gives_no_score(local: Database) -> None:
    await searchable(local, {"title": "red"})
    with pytest.raises(OperationFailure, match="hint"):
        await local.c.find({"$text": {"$search": "red"}}).hint("_id_").to_list()
    with pytest.raises(OperationFailure, match="textScore"):
        await local.c.find({"$text": {"$search": "red"}}, {"score": {"$meta": "textScore"}}).to_list()


async def test_a_search_says_how_it_is_done(local: Database) -> None:
    await searchable(local, {"title": "red"}, {"title": "blue"})
    plan = await local.c.find({"$text": {"$search": "red"}}).explain()
    assert plan["queryPlanner"]["winningPlan"]["stage"] == "TEXT_MATCH"
    assert plan["executionStats"]["totalDocsExamined"] == 1


async def test_a_text_index_survives_a_restart() -> None:
    with tempfile.TemporaryDirectory(prefix="ms-") as name:
        directory = Path(name)
        for _ in range(2):
            async with (
                embedded_server(directory) as server,
                AsyncMongoClient[dict[str, Any]](server.uri) as client,
            ):
                if not await client.t.c.count_documents({}):
                    await client.t.c.create_index(
                        [("title", "text")], name="search", default_language="none", weights={"title": 3}
                    )
                    await fill(client.t, {"title": "red"}, {"title": "blue"})
                assert await matching(client.t, "red") == [1]
                assert (await client.t.c.index_information())["search"]["weights"] == {"title": 3}
