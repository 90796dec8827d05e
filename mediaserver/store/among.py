"""Pages of what many have: the newest documents whose field is one of thousands of values, exact and flat.

A query with some values is a merge of as many ranges of the index `(field, _id)`, in its order: it reads the page
and no more. MongoDB merges so up to 200 ranges, so the values go in chunks, whose pages are merged here.
"""

import asyncio
from collections.abc import Sequence
from heapq import merge
from itertools import islice
from typing import Final, TypeVar

from mediaserver.domain.document import Document
from mediaserver.store import paging
from mediaserver.store.repository import Page, Repository

D = TypeVar("D", bound=Document)

CHUNK: Final = 200
_NEWEST: Final = [("_id", -1)]


async def newest(
    documents: Repository[D], field: str, values: Sequence[str], limit: int, cursor: str | None
) -> Page[D]:
    """One page, newest first, of the documents whose `field` (as stored) is one of `values`.

    Invalid `bad_cursor`.
    """
    before = paging.decode_cursor(cursor, documents.collection.name, _NEWEST)[0] if cursor is not None else None
    where = {} if before is None else {"_id": {"$lt": before}}
    pages = await asyncio.gather(
        *(
            documents.find({field: {"$in": values[at : at + CHUNK]}, **where}, _NEWEST, limit + 1)
            for at in range(0, len(values), CHUNK)
        )
    )
    found = list(islice(merge(*pages, key=lambda document: document.id, reverse=True), limit + 1))
    if len(found) <= limit:
        return Page(found, None)
    return Page(
        found[:limit], paging.encode_cursor({"_id": found[limit - 1].id}, documents.collection.name, _NEWEST)
    )
