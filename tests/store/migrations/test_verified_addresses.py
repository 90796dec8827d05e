"""Accounts that exist already count as confirmed; those that wait for their link stay as they are."""

from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from mediaserver.base.clock import utc_now
from mediaserver.domain.accounts.users import User
from mediaserver.store.migrations.m0002_verified_addresses import MIGRATION
from mediaserver.store.migrations.migration import Stored
from mediaserver.store.migrations.migrator import Migrator
from mediaserver.store.mongo import Database
from tests.domain.test_registry import user


@pytest.fixture
def database(client: Any, db: AsyncDatabase[Stored]) -> Database:
    return Database(client, db.name)


def stored(name: str) -> Stored:
    """As the version before stored it."""
    names = {"username": name, "email": f"{name}@example.org"}
    made = user().model_copy(
        update={"id": f"01JTEST00000000000000000{name:0>2}"[:26], **names, **User.derived(names)}
    )
    document = made.to_mongo()
    for later in ("emailVerified", "pendingEmail", "verifyHash", "verifyUntil", "verifyBy"):
        del document[later]
    return document


async def test_accounts_from_before_are_confirmed_and_those_that_wait_are_not(database: Database) -> None:
    users = database.raw["users"]
    waiting = stored("eve") | {"emailVerified": False, "emailFolded": "unverified eve"}
    await users.insert_many([stored("ada"), stored("bob"), waiting])
    migrator = Migrator(database, [User], "here", (MIGRATION,), utc_now)
    assert await migrator.run() == 2
    found = {one["username"]: one async for one in users.find({})}
    assert {name: one["emailVerified"] for name, one in found.items()} == {"ada": True, "bob": True, "eve": False}
    ada = User.from_mongo(found["ada"])
    assert (ada.email_folded, ada.pending_email, ada.revision) == ("ada@example.org", None, 0)
    assert await migrator.run() == 0
