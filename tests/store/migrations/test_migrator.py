"""Migrations on both engines: once, in batches, resumed, one server at a time, and never past a newer version."""

import asyncio
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from pymongo import MongoClient
from pymongo.asynchronous.database import AsyncDatabase

from mediaserver.base.errors import StartError
from mediaserver.base.ids import first_id_at
from mediaserver.domain.documents.document import Document, Index
from mediaserver.store.migrations.lease import COLLECTION, Lease, LeaseTimes
from mediaserver.store.migrations.migration import Change, Migration, Stored
from mediaserver.store.migrations.migrator import Migrator
from mediaserver.store.migrations.registry import MIGRATIONS
from mediaserver.store.mongo import Database

NOW = datetime(2026, 3, 1, tzinfo=UTC)
QUICK = LeaseTimes(length_s=0.3, renewal_s=0.05, poll_s=0.02)
_numbers = itertools.count()


class Book(Document):
    collection: ClassVar[str] = "books"

    title: str


def folded(stored: Stored, now: datetime) -> Change:
    return Change({"titleFolded": stored["title"].casefold()})


FOLD = Migration(
    number=1,
    name="folded_titles",
    collection="books",
    pending={"titleFolded": {"$exists": False}},
    change=folded,
    reads=("title",),
)


@pytest.fixture
def database(client: Any, db: AsyncDatabase[Stored]) -> Database:
    return Database(client, db.name)


def migrator(database: Database, *migrations: Migration, clock: Callable[[], datetime] | None = None) -> Migrator:
    return Migrator(database, [Book], "here", migrations or (FOLD,), clock or (lambda: NOW), times=QUICK, batch=3)


def book(title: str, at: datetime = NOW - timedelta(days=1), **more: Any) -> Stored:
    # Random digits would put books of one moment in any order, and batches cut them in that of their ids.
    id = first_id_at(at)[:10] + f"{next(_numbers):016}"
    return {"_id": id, "createdAt": at, "updatedAt": at, "revision": 0, "title": title, **more}


async def titles(database: Database) -> dict[str, Any]:
    return {one["title"]: one.get("titleFolded") async for one in database.raw["books"].find({})}


async def test_documents_change_once_without_a_new_version(database: Database) -> None:
    await database.raw["books"].insert_many([book(f"Title {n}") for n in range(8)])
    assert await migrator(database).run() == 8
    assert await titles(database) == {f"Title {n}": f"title {n}" for n in range(8)}
    one = await database.raw["books"].find_one({})
    assert one is not None and one["revision"] == 0 and one["updatedAt"].replace(tzinfo=UTC) < NOW
    await database.raw["books"].update_one({"title": "Title 1"}, {"$set": {"titleFolded": "by hand"}})
    assert await migrator(database).run() == 0
    assert (await titles(database))["Title 1"] == "by hand"


async def test_a_new_database_has_all_migrations_without_a_look_at_documents(database: Database) -> None:
    assert await migrator(database).run() == 0
    (status,) = await migrator(database).status()
    assert status.finished_at is not None and status.pending == 0


async def test_dry_run_counts_and_changes_nothing(database: Database) -> None:
    await database.raw["books"].insert_many([book("A"), book("B"), book("C", titleFolded="c")])
    (status,) = await migrator(database).status()
    assert (status.pending, status.finished_at) == (2, None)
    assert "pending, 2 of books to change" in status.line()
    assert await titles(database) == {"A": None, "B": None, "C": "c"}
    assert await database.raw.list_collection_names() == ["books"]


async def test_a_migration_that_was_cut_off_goes_on_where_it_stopped(database: Database) -> None:
    await database.raw["books"].insert_many([book(f"Title {n}") for n in range(9)])
    seen: list[str] = []

    def fails(stored: Stored, now: datetime) -> Change:
        seen.append(stored["title"])
        if stored["title"] == "Title 4":
            raise KeyError("a bug, or a kill")
        return folded(stored, now)

    failing = Migration(number=1, name="folded_titles", collection="books", pending=FOLD.pending, change=fails)
    with pytest.raises(KeyError):
        await migrator(database, failing).run()
    seen.clear()

    def watched(stored: Stored, now: datetime) -> Change:
        seen.append(stored["title"])
        return folded(stored, now)

    watching = Migration(number=1, name="folded_titles", collection="books", pending=FOLD.pending, change=watched)
    assert await migrator(database, watching).run() == 6
    assert sorted(seen) == [f"Title {n}" for n in range(3, 9)]
    assert None not in (await titles(database)).values()
    state = await database.raw[COLLECTION].find_one({"_id": 1})
    assert state is not None and state["changed"] == 9


async def test_servers_that_start_together_migrate_once(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await database.raw["books"].insert_many([book(f"Title {n}") for n in range(20)])
    changed = await asyncio.gather(*(migrator(database).run() for _ in range(4)))
    assert sorted(changed) == [0, 0, 0, 20]
    assert "waiting for a server that migrates the database" in caplog.text


async def test_the_lease_of_a_dead_server_is_taken_over(database: Database) -> None:
    await database.raw["books"].insert_one(book("A"))
    await database.raw[COLLECTION].insert_one({"_id": "lease", "holder": "dead", "server": "x", "renewals": 5})
    before_s = asyncio.get_running_loop().time()
    assert await migrator(database).run() == 1
    assert asyncio.get_running_loop().time() - before_s >= QUICK.length_s


async def test_a_lease_that_is_renewed_is_not_taken(database: Database) -> None:
    async with Lease(database, "first", QUICK).held():
        second = asyncio.ensure_future(migrator(database).run())
        done, _ = await asyncio.wait({second}, timeout=QUICK.length_s * 2)
        assert not done
    await second


async def test_a_server_that_lost_its_lease_starts_over(database: Database) -> None:
    await database.raw["books"].insert_many([book(f"Title {n}") for n in range(6)])
    robbed = False

    async def rob(raw: AsyncDatabase[Stored]) -> None:
        nonlocal robbed
        if not robbed:
            robbed = True
            await raw[COLLECTION].update_one({"_id": "lease"}, {"$set": {"holder": "thief"}})
            await asyncio.sleep(QUICK.renewal_s * 3)

    robbing = Migration(number=1, name="folded_titles", collection="books", pending=FOLD.pending,
                        change=folded, prepare=rob)  # fmt: skip
    await migrator(database, robbing).run()
    assert robbed and None not in (await titles(database)).values()


async def test_what_somebody_edits_meanwhile_is_read_again(database: Database, uri: str) -> None:
    await database.raw["books"].insert_one(book("Old"))
    reads = 0

    def while_somebody_edits(stored: Stored, now: datetime) -> Change:
        nonlocal reads
        reads += 1
        if reads == 1:  # between reading and writing
            with MongoClient[Stored](uri) as other:
                other[database.raw.name]["books"].update_one(
                    {}, {"$set": {"title": "New"}, "$inc": {"revision": 1}}
                )
        return folded(stored, now)

    racing = Migration(number=1, name="folded_titles", collection="books", pending=FOLD.pending,
                       change=while_somebody_edits)  # fmt: skip
    await migrator(database, racing).run()
    assert (reads, await titles(database)) == (2, {"New": "new"})


async def test_documents_of_the_previous_version_are_found_at_the_next_start(database: Database) -> None:
    await database.raw["books"].insert_one(book("Early"))
    await migrator(database).run()
    await database.raw["books"].insert_one(book("Late", NOW + timedelta(hours=2)))
    later = migrator(database, clock=lambda: NOW + timedelta(hours=3))
    assert await later.run() == 1
    assert await titles(database) == {"Early": "early", "Late": "late"}


async def test_again_computes_derived_fields_of_all_documents_anew(database: Database) -> None:
    await database.raw["books"].insert_many([book("A"), book("B")])
    await migrator(database).run()
    await database.raw["books"].update_one({"title": "A"}, {"$set": {"title": "Changed by the old version"}})
    assert await migrator(database).run() == 0
    assert await migrator(database).run(again=True) == 1
    assert (await titles(database))["Changed by the old version"] == "changed by the old version"


async def test_again_leaves_defaults_that_people_changed(database: Database) -> None:
    default = Migration(number=1, name="rating", collection="books", pending={"rating": {"$exists": False}},
                        change=lambda stored, now: Change({"rating": 3}), derived=False)  # fmt: skip
    await database.raw["books"].insert_many([book("A"), book("B", rating=5)])
    await migrator(database, default).run(again=True)
    found = {one["title"]: one["rating"] async for one in database.raw["books"].find({})}
    assert found == {"A": 3, "B": 5}


async def test_a_key_that_is_taken_gets_the_other_change(database: Database) -> None:
    async def unique(raw: AsyncDatabase[Stored]) -> None:
        await raw["books"].create_index("key", unique=True, partialFilterExpression={"key": {"$type": "string"}})

    keyed = Migration(
        number=1,
        name="keys",
        collection="books",
        pending={"key": {"$exists": False}},
        change=lambda stored, now: Change({"key": stored["title"][0]}),
        prepare=unique,
        refused=lambda stored, now: Change({"key": None}),
    )
    await database.raw["books"].insert_many([book("Ada"), book("Alan"), book("Bob")])
    await migrator(database, keyed).run()
    found = {one["title"]: one["key"] async for one in database.raw["books"].find({})}
    assert sorted(map(str, found.values())) == ["A", "B", "None"] and found["Bob"] == "B"


async def test_a_change_that_changes_nothing_is_a_plain_error(database: Database) -> None:
    idle = Migration(number=1, name="idle", collection="books", pending={}, change=lambda stored, now: Change())
    await database.raw["books"].insert_one(book("A"))
    with pytest.raises(StartError, match=r"migration 1 \(idle\) leaves books"):
        await migrator(database, idle).run()


async def test_a_database_of_a_newer_version_that_needs_it_is_refused(database: Database) -> None:
    await database.raw[COLLECTION].insert_one({"_id": 7, "name": "drop_old", "requires": 6})
    with pytest.raises(StartError, match="newer version of mediaserver"):
        await migrator(database).run()


async def test_a_database_of_a_newer_version_that_only_adds_is_used(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await database.raw["books"].insert_one(book("A"))
    await database.raw[COLLECTION].insert_one({"_id": 7, "name": "adds", "requires": 0})
    assert await migrator(database).run() == 1
    assert "newer version" in caplog.text


def test_numbers_grow_and_names_are_distinct() -> None:
    numbers = [migration.number for migration in MIGRATIONS]
    assert numbers == sorted(set(numbers)) and all(number > 0 for number in numbers)
    assert len({migration.name for migration in MIGRATIONS}) == len(MIGRATIONS)


# ------------------------------------------------------------------------------------------ indexes


class OldAccount(Document):
    collection: ClassVar[str] = "accounts"
    indexes: ClassVar[tuple[Index, ...]] = (Index(("email",), unique=True),)

    email: str


class NewAccount(OldAccount):
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("email",), unique=True, partial={"confirmed": True}, version=2),
    )
    retired_indexes: ClassVar[tuple[str, ...]] = ("email_1", "search")


async def test_a_unique_index_becomes_a_partial_one(database: Database) -> None:
    await database.ensure_indexes([OldAccount])
    for _ in range(2):
        await database.ensure_indexes([NewAccount])
        indexes = await database.raw["accounts"].index_information()
        assert set(indexes) == {"_id_", "email_1_v2"}
    assert dict(indexes["email_1_v2"]["partialFilterExpression"]) == {"confirmed": True}
    await database.raw["accounts"].insert_many([{"email": "a", "confirmed": False} for _ in range(2)])


async def test_a_definition_that_changes_under_its_name_is_made_anew(database: Database) -> None:
    class Plain(OldAccount):
        indexes: ClassVar[tuple[Index, ...]] = (Index(("email",)),)

    await database.ensure_indexes([OldAccount])
    await database.ensure_indexes([Plain])
    assert "unique" not in (await database.raw["accounts"].index_information())["email_1"]


async def test_an_index_that_the_data_forbids_leaves_the_old_one(database: Database) -> None:
    class Plain(OldAccount):
        indexes: ClassVar[tuple[Index, ...]] = (Index(("email",)),)

    await database.ensure_indexes([Plain])
    await database.raw["accounts"].insert_many([{"email": "a"}, {"email": "a"}])
    with pytest.raises(StartError, match="accounts"):
        await database.ensure_indexes([OldAccount])
    assert "email_1" in await database.raw["accounts"].index_information()
