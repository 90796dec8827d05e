"""Live sessions from before occupancy was stored: their clock starts at the upgrade."""

from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from mediaserver.base.clock import utc_now
from mediaserver.domain.sessions.sessions import Session
from mediaserver.store.migrations.m0004_session_occupancy import MIGRATION
from mediaserver.store.migrations.migration import Stored
from mediaserver.store.migrations.migrator import Migrator
from mediaserver.store.mongo import Database


@pytest.fixture
def database(client: Any, db: AsyncDatabase[Stored]) -> Database:
    return Database(client, db.name)


def stored(number: int, status: str, *later: str) -> Stored:
    """As the version before stored it, without the fields that came `later`."""
    session = Session(
        id=f"01JTEST000000000000000000{number}", created_at=utc_now(), updated_at=utc_now(),
        kind="video", title="Class", moderator_user_id="ada",
    )  # fmt: skip
    document = session.model_copy(update={"status": status}).to_mongo()
    for name in later:
        del document[name]
    return document


async def test_the_clock_of_sessions_that_are_live_starts_at_the_upgrade(database: Database) -> None:
    sessions, later = database.raw["sessions"], ("occupiedAt", "endsWhenEmpty")
    await sessions.insert_many(
        [stored(1, "live", *later), stored(2, "ended", *later), stored(3, "scheduled", *later), stored(4, "live")]
    )
    before = utc_now()
    migrator = Migrator(database, [Session], "here", (MIGRATION,), utc_now)
    assert await migrator.run() == 1
    found = [Session.from_mongo(one) async for one in sessions.find({}, sort=[("_id", 1)])]
    assert [one.occupied_at is not None for one in found] == [True, False, False, False], "4 was never joined"
    assert found[0].occupied_at is not None and found[0].occupied_at >= before
    assert all(one.ends_when_empty for one in found)
    assert found[0].revision == 0, "people have edited nothing"
    assert await migrator.run() == 0
