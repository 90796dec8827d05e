"""Documents of the previous version are read by this one, before and after its migrations."""

from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from mediaserver.app import DOCUMENTS
from mediaserver.store.migrations.migrator import Migrator
from mediaserver.store.migrations.registry import MIGRATIONS
from mediaserver.store.mongo import Database
from mediaserver.store.repositories import Repositories
from tests.store.conftest import client, db, engine, shared_server, uri  # noqa: F401 - fixtures
from tests.upgrade import fixture


@pytest.fixture
async def database(
    client: AsyncMongoClient[dict[str, Any]],  # noqa: F811
    db: AsyncDatabase[dict[str, Any]],  # noqa: F811
) -> Database:
    await fixture.load(db)
    return Database(client, db.name)


@pytest.mark.slow
async def test_documents_are_readable_before_and_after_migrations(database: Database) -> None:
    repositories = Repositories(database, DOCUMENTS)
    for migrated in (False, True):
        if migrated:
            await Migrator(database, DOCUMENTS).run()
            await database.ensure_indexes(DOCUMENTS)
        for document in DOCUMENTS:
            count = 0
            async for one in repositories.of(document).each({}):
                count += 1
                assert one.id
            expected = (
                len(fixture.documents(document.collection)) if document.collection in fixture.collections() else 0
            )
            gone = {"$or": [{"gone": True}]}
            hidden = await database.raw[document.collection].count_documents(gone)
            assert count == expected - hidden, document.collection


@pytest.mark.slow
async def test_nothing_is_left_to_migrate(database: Database) -> None:
    await Migrator(database, DOCUMENTS).run()
    status = await Migrator(database, DOCUMENTS).status()
    assert [one.pending for one in status] == [0] * len(MIGRATIONS)
    assert all(one.finished_at for one in status)


def test_the_fixture_holds_what_people_make(tmp_path: Path) -> None:
    kinds = ("users", "tweets", "messages", "recordings", "sessions", "uploads", "courses", "submissions")
    assert all(fixture.documents(kind) for kind in kinds)
    assert any(one["status"] == "live" for one in fixture.documents("sessions"))
    fixture.unpack(tmp_path)
    assert (tmp_path / "documents" / "documents.sqlite").stat().st_size > 100_000


@pytest.mark.slow
async def test_each_migration_changes_what_it_is_for(database: Database) -> None:
    """Migrations 1 (names), 2 (addresses) and 4 (sessions); `test_search` looks at what the others do."""
    await Migrator(database, DOCUMENTS).run()
    users = [one async for one in database.raw["users"].find({}, sort=[("_id", 1)])]
    before = {one["_id"]: one for one in fixture.documents("users")}
    assert len(users) == len(before)
    for user in users:
        kept = ("username", "usernameFolded", "email", "emailFolded", "passwordHash", "revision")
        assert {name: user[name] for name in kept} == {name: before[user["_id"]][name] for name in kept}
        assert user["emailVerified"] is True
        assert (user["usernameSkeleton"] is None) != (user["reservedSkeleton"] is None), user["username"]
    by_name = {user["username"]: user for user in users}
    alike = by_name["limes11"], by_name["Iimes11"]
    assert alike[0]["usernameSkeleton"] == alike[1]["reservedSkeleton"], "the older account has the key"
    sessions = [one async for one in database.raw["sessions"].find({})]
    assert {one["status"] for one in sessions if one.get("occupiedAt")} == {"live"}
    assert all(one.get("occupiedAt") for one in sessions if one["status"] == "live")
