"""Stores the terms by which documents are found; text indexes found them before.

One migration for each searched collection. The text indexes stay for one release, because migrations only add.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from pydantic.alias_generators import to_camel

from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.document import SEARCH_TERMS, Document
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.learning.skills import Skill
from mediaserver.domain.social.tweets import Tweet
from mediaserver.store.migrations.migration import Change, Migration, Raw, Stored

_TEXT_INDEX: Final = "search"
_PROBE: Final = "searchProbe"


def _change(document: type[Document], stored: Stored, _: datetime) -> Change:
    return Change(set={SEARCH_TERMS: document.search_terms_of(stored)})


async def _drop_probe(raw: Raw) -> None:
    """The collection by which earlier versions found out whether the server has text indexes."""
    await raw.drop_collection(_PROBE)


async def _report(collection: str, raw: Raw) -> Sequence[str]:
    indexes = await raw[collection].index_information()
    if _TEXT_INDEX not in indexes:
        return []
    return [
        f"The text index '{_TEXT_INDEX}' of collection {collection} is no longer used. The next release drops "
        "it; you can drop it now if no server of the previous release is running."
    ]


def _migration(number: int, document: type[Document]) -> Migration:
    return Migration(
        number=number,
        name=f"search_terms_of_{document.collection}",
        collection=document.collection,
        pending={SEARCH_TERMS: {"$exists": False}},
        reads=tuple(dict.fromkeys(to_camel(name.split(".")[0]) for name in document.searched)),
        change=partial(_change, document),
        prepare=_drop_probe,
        report=partial(_report, document.collection),
    )


MIGRATIONS: Final = (
    _migration(3, Tweet),
    _migration(6, User),
    _migration(7, Course),
    _migration(8, Lesson),
    _migration(9, Skill),
)
