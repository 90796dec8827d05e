"""Documents from before terms were stored are found after the migration."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from mediaserver.base.ids import new_id
from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.document import SEARCH_TERMS
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.domain.social.tweets import Tweet
from mediaserver.store.migrations.m0003_search_terms import MIGRATIONS
from mediaserver.store.migrations.migrator import Migrator
from mediaserver.store.mongo import Database
from mediaserver.store.repositories import Repositories

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def database(client: Any, db: AsyncDatabase[dict[str, Any]]) -> Database:
    return Database(client, db.name)


def by_collection() -> dict[str, Any]:
    return {migration.collection: migration for migration in MIGRATIONS}


def test_every_searched_collection_is_migrated() -> None:
    assert set(by_collection()) == {document.collection for document in DOCUMENTS if document.searched}


def test_terms_are_those_that_a_new_document_gets() -> None:
    user: dict[str, Any] = {
        "username": "ada.lovelace", "beginnings": "ad ada", "profile": {"bio": "Geometry, mostly", "location": ""}
    }  # fmt: skip
    change = by_collection()["users"].change(user, NOW)
    assert change.set == {SEARCH_TERMS: User.search_terms_of(user)}
    assert {"ada", "lovelace", "geometry", "~geometri"} <= set(change.set[SEARCH_TERMS])
    lesson = {"title": "东京", "text": "可能", "content": []}
    assert by_collection()["lessons"].change(lesson, NOW).set == {SEARCH_TERMS: Lesson.search_terms_of(lesson)}
    assert by_collection()["tweets"].change({"content": {"media": []}}, NOW).set == {SEARCH_TERMS: []}
    assert by_collection()["skills"].change({}, NOW).set == {SEARCH_TERMS: []}


def tweet(text: str) -> dict[str, Any]:
    return {
        "_id": new_id(), "createdAt": NOW, "updatedAt": NOW, "revision": 1, "userId": new_id(),
        "content": {"text": text, "media": []}, "timestamp": NOW, "settled": True, "gone": False,
    }  # fmt: skip


async def test_old_documents_are_found_after_the_migration(database: Database) -> None:
    await database.ensure_indexes([Tweet])
    tweets = database.raw["tweets"]
    old = [tweet("还有可能是定期检修"), tweet("New versions"), tweet("")]
    await tweets.insert_many(old)
    await database.raw["searchProbe"].insert_one({"_id": 0})
    changed = await Migrator(database, [Tweet], migrations=MIGRATIONS).run()
    assert changed == 3
    found = Repositories(database, [Tweet]).of(Tweet)
    assert [one.id for one in await found.find(found.matching("可能"))] == [old[0]["_id"]]
    assert [one.id for one in await found.find(found.matching("version"))] == [old[1]["_id"]]
    assert "searchProbe" not in await database.raw.list_collection_names()
    stored = await tweets.find_one({"_id": old[1]["_id"]})
    assert stored is not None
    assert (stored["revision"], stored["updatedAt"]) == (1, NOW)
    assert await Migrator(database, [Tweet], migrations=MIGRATIONS).run() == 0


async def test_what_an_older_server_edits_is_corrected_by_migrating_again(database: Database) -> None:
    await database.ensure_indexes([Tweet])
    one = tweet("first words")
    await database.raw["tweets"].insert_one({**one, SEARCH_TERMS: ["first", "words", "~word"]})
    await database.raw["tweets"].update_one({"_id": one["_id"]}, {"$set": {"content.text": "second"}})
    assert await Migrator(database, [Tweet], migrations=MIGRATIONS).run(again=True) == 1
    found = Repositories(database, [Tweet]).of(Tweet)
    assert [len(await found.find(found.matching(word))) for word in ("first", "second")] == [0, 1]


async def test_text_indexes_that_are_left_are_reported(database: Database) -> None:
    await database.ensure_indexes([Tweet])
    migrator = Migrator(database, [Tweet], migrations=MIGRATIONS[:1])
    assert await migrator.reports() == []
    try:
        await database.raw["tweets"].create_index([("content.text", "text")], name="search")
    except OperationFailure:
        return  # the embedded server has no text indexes
    ((_, sentence),) = await migrator.reports()
    assert "'search' of collection tweets" in sentence
