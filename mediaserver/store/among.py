"""Pages of what many have: the newest documents whose field is one of thousands of values, exact and flat.

A query with some values is a merge of as many ranges of the index `(field, _id)`, in its order: it reads the page
and no more. MongoDB merges so up to 200 ranges, so the values go in chunks, whose pages are merged here: of ids
alone, which the index has, so that only the page's documents are read.
"""

import asyncio
from collections.abc import Sequence
from heapq import merge
from itertools import islice
from typing import Final, TypeVar

from mediaserver.domain.documents.document import Document
from mediaserver.store import paging
from mediaserver.store.reader import Filter, Page
from mediaserver.store.repository import Repository

D = TypeVar("D", bound=Document)

_NEWEST: Final = [("_id", -1)]


async def newest(
    documents: Repository[D], field: str, values: Sequence[str], limit: int, cursor: str | None
) -> Page[D]:
    """One page, newest first, of the documents whose `field` (as stored) is one of `values`.

    Invalid `bad_cursor`.
    """
    before = paging.decode_cursor(cursor, documents.collection.name, _NEWEST)[0] if cursor is not None else None
    where = {} if before is None else {"_id": {"$lt": before}}
    chunks = [values[at : at + documents.merged_ranges] for at in range(0, len(values), documents.merged_ranges)]
    if len(chunks) == 1:
        found = await documents.find({field: {"$in": list(chunks[0])}, **where}, _NEWEST, limit + 1)
        ids = [document.id for document in found]
    else:
        ids = await _ids(documents, [{field: {"$in": list(chunk)}, **where} for chunk in chunks], limit + 1)
        by_id = await documents.by_ids(ids[:limit])
        found = [by_id[id] for id in ids[:limit] if id in by_id]
    more = len(ids) > limit
    cursor = paging.encode_cursor({"_id": ids[limit - 1]}, documents.collection.name, _NEWEST) if more else None
    return Page(found[:limit], cursor)


async def _ids(documents: Repository[D], filters: Sequence[Filter], limit: int) -> list[str]:
    pages = await asyncio.gather(*(documents.values(one, "_id", _NEWEST, limit) for one in filters))
    return list(islice(merge(*pages, reverse=True), limit))
