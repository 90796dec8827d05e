"""Databases for tests: made once with their indexes, emptied after each test and used again."""

import atexit
import contextlib
import os
from collections.abc import AsyncIterator, Sequence

import pymongo
from pymongo.errors import PyMongoError

from mediaserver.base.ids import new_id
from mediaserver.domain.documents.document import Document
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.store.mongo import Database

_Kind = tuple[str, tuple[type[Document], ...]]
_spare: dict[_Kind, list[str]] = {}
"""The names of those that are empty."""


@contextlib.asynccontextmanager
async def empty_database(uri: str, documents: Sequence[type[Document]] = DOCUMENTS) -> AsyncIterator[Database]:
    """One with the indexes of `documents`, and nothing in it."""
    spare = _spare.setdefault((uri, tuple(documents)), [])
    name = spare.pop() if spare else None
    database = await Database.open(uri, name or f"test_{new_id()}")
    if not name:
        await database.ensure_indexes(documents)
    try:
        yield database
    finally:
        with contextlib.suppress(PyMongoError):  # its server is gone: so is it
            for collection in await database.raw.list_collection_names():
                await database.raw[collection].delete_many({})
            spare.append(database.raw.name)
        await database.close()


def _drop_those_left() -> None:
    """The embedded server's go with their directory; another server is left as it was found."""
    external = os.environ.get("MONGODB_URI")
    names = [name for (uri, _), spare in _spare.items() if uri == external for name in spare]
    if names:
        with pymongo.MongoClient[dict[str, object]](external) as client:
            for name in names:
                client.drop_database(name)


atexit.register(_drop_those_left)
