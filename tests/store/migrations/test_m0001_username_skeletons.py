"""Accounts from before usernames were compared by their looks get their keys; those that look alike keep them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from mediaserver.base.ids import first_id_at, new_id
from mediaserver.domain.accounts.users import User
from mediaserver.store.migrations.m0001_username_skeletons import MIGRATION
from mediaserver.store.migrations.migration import Stored
from mediaserver.store.migrations.migrator import Migrator
from mediaserver.store.mongo import Database

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(client: Any, db: AsyncDatabase[Stored]) -> Database:
    return Database(client, db.name)


def migrator(database: Database) -> Migrator:
    return Migrator(database, [User], "here", [MIGRATION], batch=3)


async def people(database: Database, *names: str) -> None:
    """Accounts, the first the oldest, as the version before stored them."""
    for n, name in enumerate(names):
        id = first_id_at(BEGAN + timedelta(days=n))[:10] + new_id()[10:]
        await database.raw["users"].insert_one({"_id": id, "username": name, "revision": 0, "updatedAt": BEGAN})


async def keys(database: Database) -> dict[str, tuple[str | None, str | None]]:
    return {
        one["username"]: (one["usernameSkeleton"], one["reservedSkeleton"])
        async for one in database.raw["users"].find({})
    }


async def test_the_oldest_of_those_who_look_alike_has_the_key_the_others_reserve_it(database: Database) -> None:
    await people(database, "limes11", "ada", "Iimes11", "scope", "ѕсоре", "lirnes11")
    assert await migrator(database).run() == 6
    assert await keys(database) == {
        "limes11": ("lirnesll", None),
        "ada": ("ada", None),
        "Iimes11": (None, "lirnesll"),
        "scope": ("scope", None),
        "ѕсоре": (None, "scope"),
        "lirnes11": (None, "lirnesll"),
    }
    with pytest.raises(DuplicateKeyError):
        await database.raw["users"].insert_one({"_id": new_id(), "username": "x", "usernameSkeleton": "scope"})
    await migrator(database).run(again=True)
    assert (await keys(database))["Iimes11"] == (None, "lirnesll")


async def test_looking_again_gives_the_key_to_who_looks_like_nobody_any_more(database: Database) -> None:
    await people(database, "limes11", "Iimes11")
    await migrator(database).run()
    await database.raw["users"].delete_one({"username": "limes11"})
    await migrator(database).run(again=True)
    assert await keys(database) == {"Iimes11": ("lirnesll", None)}


async def test_the_report_lists_names_that_the_rules_refuse(database: Database) -> None:
    await people(database, "ada", "\u0430dm", "adm\u3164", "limes11", "Iimes11")
    await migrator(database).run()
    refused, alike = [sentence for _, sentence in await migrator(database).reports()]
    assert refused == (
        "usernames stay valid that the rules for new ones refuse (2): "
        r"'\u0430dm' (must not mix letters of different scripts), "
        r"'adm\u3164' (must not have invisible characters)"
    )
    assert alike == r"usernames stay valid that look like another account's (2): 'adm\u3164', 'Iimes11'"
