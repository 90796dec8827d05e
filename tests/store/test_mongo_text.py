"""What the lists of people rely on in text indexes, asked of every engine. Words here are plain English ones."""

from typing import Any

import pytest
from pymongo.errors import OperationFailure

from tests.store.contract import Database, fill, ids

OPTIONS: dict[str, Any] = {"default_language": "none", "language_override": "textLanguage"}


async def searchable(db: Database, *documents: dict[str, Any]) -> None:
    await db.c.create_index([("title", "text"), ("body.text", "text")], name="search", **OPTIONS)
    if documents:
        await fill(db, *documents)


async def matching(db: Database, search: str, **filter: Any) -> list[Any]:
    return await ids(db, {"$text": {"$search": search}, **filter})


async def test_one_of_the_words_is_enough(db: Database) -> None:
    await searchable(db, {"title": "A red car"}, {"title": "The blue CAR!"}, {"title": "blue sky"}, {"n": 1})
    assert await matching(db, "car") == [1, 2]
    assert await matching(db, "Blue") == [2, 3]
    assert await matching(db, "red sky") == [1, 3]
    assert await matching(db, "ca") == []
    assert await matching(db, "") == await matching(db, "  ") == []


async def test_phrases_are_all_required(db: Database) -> None:
    await searchable(db, {"title": "red car"}, {"title": "car, then red"}, {"title": "my old red car"}, {"n": 1})
    assert await matching(db, '"red car"') == [1, 3]
    assert await matching(db, '"old red" "red car"') == [3]
    assert await matching(db, '"red car" "car then"') == []


async def test_a_minus_excludes_a_word(db: Database) -> None:
    await searchable(db, {"title": "red car"}, {"title": "blue car"}, {"title": "car and sky"})
    assert await matching(db, "car -red") == [2, 3]
    assert await matching(db, "car sky -red -blue") == [3]
    assert await matching(db, 'car -"red car"') == [2, 3]


async def test_all_fields_and_arrays_are_searched(db: Database) -> None:
    await searchable(
        db,
        {"title": "one", "body": {"text": "two"}},
        {"title": ["three", "four five"], "body": [{"text": "six"}, {"text": ["seven"]}]},
        {"title": 5, "body": "two", "other": "one"},
    )
    assert await matching(db, "one") == [1]
    assert await matching(db, '"four five"') == [2]
    assert await matching(db, "six") == await matching(db, "seven") == [2]


async def test_the_index_follows_changes(db: Database) -> None:
    await fill(db, {"title": "old"}, {"title": "gone"}, {"n": 1})
    await db.c.create_index([("title", "text")], **OPTIONS)
    assert await matching(db, "old gone") == [1, 2]
    await db.c.update_one({"_id": 1}, {"$set": {"title": "new words"}})
    await db.c.update_one({"_id": 3}, {"$inc": {"n": 1}, "$set": {"title": "old"}})
    await db.c.delete_one({"_id": 2})
    await db.c.insert_one({"_id": 4, "title": "words"})
    assert await matching(db, "old gone") == [3]
    assert await matching(db, "words") == [1, 4]


async def test_a_search_goes_with_other_conditions_and_an_order(db: Database) -> None:
    await searchable(db, *({"title": f"same word{n % 2}", "n": n % 3} for n in range(12)))
    assert await matching(db, "word1", n=0) == [4, 10]
    assert await ids(db, {"$and": [{"n": {"$in": [1, 2]}}, {"$text": {"$search": '"same word0"'}}]}) == [
        3, 5, 9, 11,
    ]  # fmt: skip
    found = await db.c.find({"$text": {"$search": "same"}}, sort=[("_id", -1)], skip=2, limit=3).to_list()
    assert [item["_id"] for item in found] == [10, 9, 8]


async def test_every_command_with_a_filter_can_search(db: Database) -> None:
    await searchable(db, {"title": "red"}, {"title": "red"}, {"title": "blue"})
    search = {"$text": {"$search": "red"}}
    assert await db.c.count_documents(search) == 2
    pipeline: list[dict[str, Any]] = [{"$match": search}, {"$group": {"_id": "$title", "n": {"$sum": 1}}}]
    assert await (await db.c.aggregate(pipeline)).to_list() == [{"_id": "red", "n": 2}]
    assert await db.c.distinct("_id", search) == [1, 2]
    changed = await db.c.find_one_and_update(search, {"$set": {"title": "green"}}, sort=[("_id", -1)])
    assert changed is not None and changed["_id"] == 2
    assert (await db.c.update_many(search, {"$set": {"seen": True}})).matched_count == 1
    assert (await db.c.delete_many(search)).deleted_count == 1
    assert await ids(db, {}) == [2, 3]


async def test_a_search_needs_the_index(db: Database) -> None:
    await fill(db, {"title": "red"})
    with pytest.raises(OperationFailure) as without:
        await matching(db, "red")
    assert without.value.code == 27
    await db.c.create_index([("title", "text")], name="search", **OPTIONS)
    assert await matching(db, "red") == [1]
    await db.c.drop_index("search")
    with pytest.raises(OperationFailure) as dropped:
        await db.c.count_documents({"$text": {"$search": "red"}})
    assert dropped.value.code == 27


@pytest.mark.parametrize(
    "filter",
    [
        {"$text": "red"},
        {"$text": {}},
        {"$text": {"$search": 1}},
        {"$text": {"$search": "red", "$language": "elvish"}},
        {"$text": {"$search": "red", "$caseSensitive": True}},
        {"$and": [{"$text": {"$search": "red"}}, {"$text": {"$search": "blue"}}]},
        {"$nor": [{"$text": {"$search": "red"}}]},
        {"title": {"$elemMatch": {"$text": {"$search": "red"}}}},
    ],
    ids=str,
)
async def test_what_is_no_search_is_refused(db: Database, filter: dict[str, Any]) -> None:
    await searchable(db, {"title": "red"})
    with pytest.raises(OperationFailure):
        await db.c.find(filter).to_list()


async def test_a_search_is_the_first_thing_of_a_pipeline(db: Database) -> None:
    await searchable(db, {"title": "red"})
    with pytest.raises(OperationFailure):
        await db.c.aggregate([{"$limit": 1}, {"$match": {"$text": {"$search": "red"}}}])


async def test_a_text_index_is_listed(db: Database) -> None:
    await searchable(db)
    await searchable(db)
    found = (await db.c.index_information())["search"]
    assert found["key"] == [("_fts", "text"), ("_ftsx", 1)]
    assert dict(found["weights"]) == {"title": 1, "body.text": 1}
    assert (found["default_language"], found["language_override"]) == ("none", "textLanguage")
    with pytest.raises(OperationFailure):
        await db.c.create_index([("other", "text")], name="second", **OPTIONS)
