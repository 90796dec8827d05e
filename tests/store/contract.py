"""What the repositories rely on in MongoDB, asked through PyMongo of every engine that may stand behind them.

The embedded server always; the server at MONGODB_URI too when that is set.
"""

from datetime import UTC, datetime
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

Database = AsyncDatabase[dict[str, Any]]
NOON = datetime(2026, 1, 2, 12, 0, 0, 123000, tzinfo=UTC)


async def ids(db: Database, filter: dict[str, Any], **options: Any) -> list[Any]:
    return [item["_id"] for item in await db.c.find(filter, **options).sort("_id", 1).to_list()]


async def fill(db: Database, *documents: dict[str, Any]) -> None:
    await db.c.insert_many([{"_id": at, **document} for at, document in enumerate(documents, 1)])


async def after_update(db: Database, document: dict[str, Any], update: Any, **filter: Any) -> dict[str, Any]:
    await db.c.insert_one({"_id": 1, **document})
    await db.c.update_one({"_id": 1, **filter}, update)
    found = await db.c.find_one({"_id": 1}, {"_id": 0})
    assert found is not None
    return found
