"""What the previous version stored is found by searches once it is migrated, in both stores."""

from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from mediaserver.app import DOCUMENTS
from mediaserver.domain.documents.document import Document
from mediaserver.store.migrations.migrator import Migrator
from mediaserver.store.mongo import Database
from mediaserver.store.repositories import Repositories
from tests.store.conftest import client, db, embedded_server, engine, shared_server, uri  # noqa: F401 - fixtures
from tests.upgrade import fixture

SEARCHED = [document for document in DOCUMENTS if document.searched]


async def assert_all_are_found(database: Database) -> None:
    """Each stored document by the first words of what is searched in it."""
    repositories, looked_at = Repositories(database, DOCUMENTS), 0
    for document in SEARCHED:
        repository = repositories.of(document)
        for stored in fixture.documents(document.collection):
            words = " ".join(_text(document, stored).split()[:5])
            if words and not stored.get("gone"):
                found = await repository.find(repository.matching(words))
                assert stored["_id"] in [one.id for one in found], words
                looked_at += 1
    assert looked_at > 10


def _text(document: type[Document], stored: dict[str, Any]) -> str:
    value: Any = stored
    for name in document.searched[0].split("."):
        value = value[name]
    return str(value)


@pytest.mark.slow
async def test_old_documents_are_found_once_they_are_migrated(
    client: AsyncMongoClient[dict[str, Any]],  # noqa: F811
    db: AsyncDatabase[dict[str, Any]],  # noqa: F811
) -> None:
    await fixture.load(db)
    database = Database(client, db.name)
    await Migrator(database, DOCUMENTS).run()
    await database.ensure_indexes(DOCUMENTS)
    await assert_all_are_found(database)


@pytest.mark.slow
async def test_an_old_file_loses_its_text_indexes_and_nothing_else(tmp_path: Path) -> None:
    fixture.unpack(tmp_path)
    async with (
        embedded_server(tmp_path / "documents") as server,
        AsyncMongoClient[dict[str, Any]](server.uri, tz_aware=True) as client,  # noqa: F811
    ):
        names = [name for name in await client.list_database_names() if name not in ("admin", "local", "config")]
        database = Database(client, names[0])
        await Migrator(database, DOCUMENTS).run()
        await database.ensure_indexes(DOCUMENTS)
        for document in SEARCHED:
            indexes = await database.raw[document.collection].index_information()
            assert "search" not in indexes and "searchTerms_1__id_1" in indexes
        await assert_all_are_found(database)
