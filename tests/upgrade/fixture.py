"""Loads the database that the previous version has written, into either store or as a data directory."""

import gzip
import tarfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from bson import json_util
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure
from pymongo.operations import IndexModel

PASSWORD: Final = "a fixture password"
"""Of every account."""
_HERE: Final = Path(__file__).parent
_NOT_OPTIONS: Final = ("v", "ns", "key")


@cache
def _dump() -> dict[str, Any]:
    text = gzip.decompress((_HERE / "documents.json.gz").read_bytes()).decode()
    found: dict[str, Any] = json_util.loads(text, json_options=json_util.CANONICAL_JSON_OPTIONS)
    return found


def documents(collection: str) -> list[dict[str, Any]]:
    """The documents of a collection as they were stored."""
    return list(_dump()[collection]["documents"])


def collections() -> list[str]:
    return list(_dump())


async def load(raw: AsyncDatabase[dict[str, Any]]) -> None:
    """Store everything, with the indexes that the previous version made (text indexes where there are any)."""
    for name, collection in _dump().items():
        if collection["documents"]:
            await raw[name].insert_many(collection["documents"])
        for index in collection["indexes"]:
            if index["name"] == "_id_":
                continue
            options = {option: value for option, value in index.items() if option not in _NOT_OPTIONS}
            if "weights" in options:
                options = {
                    "name": index["name"],
                    "default_language": "none",
                    "language_override": "textLanguage",
                }
                model = IndexModel([(field, "text") for field in index["weights"]], **options)
                with suppress(OperationFailure):
                    await raw[name].create_indexes([model])
            else:
                await raw[name].create_indexes([IndexModel(list(index["key"].items()), **options)])


def unpack(directory: Path) -> None:
    """Make `directory` the data directory of a server that was stopped in order."""
    with tarfile.open(_HERE / "data.tar.xz") as archive:
        archive.extractall(directory, filter="tar")
