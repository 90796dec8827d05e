"""Reading one typed collection: documents come out as their class; filters use wire names."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from pymongo.asynchronous.collection import AsyncCollection

from mediaserver.base.errors import NotFound
from mediaserver.base.nouns import words
from mediaserver.domain.documents.document import SEARCH_TERMS, Consequential, Document
from mediaserver.store import paging
from mediaserver.store.mongo import Database, Stored
from mediaserver.store.searching import search_filter
from mediaserver.store.transactions import current_session

D = TypeVar("D", bound=Document)
T = TypeVar("T")
Filter = Mapping[str, Any]
Sort = Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Page(Generic[D]):
    items: list[D]
    next_cursor: str | None


class Reader(Generic[D]):
    """Finds the documents of one class. `noun` names them in error codes: `user_not_found`."""

    def __init__(self, database: Database, document: type[D], noun: str | None = None) -> None:
        self._database, self._document = database, document
        self.noun = noun or snake(document.__name__)
        self._names = {"_id", *(field.alias or name for name, field in document.model_fields.items())} - {"id"}
        if document.searched:
            self._names.add(SEARCH_TERMS)
        self._hides_gone = issubclass(document, Consequential)

    @cached_property
    def collection(self) -> AsyncCollection[Stored]:
        return self._database.raw[self._document.collection]

    @property
    def merged_ranges(self) -> int:
        """How many values of a field one query may name and still be answered in the order of an index."""
        return self._database.merged_ranges

    async def get(self, id: str) -> D:
        """Raises `NotFound`, code `{noun}_not_found`."""
        found = await self.find_one({"_id": id})
        if found is None:
            raise self._not_found()
        return found

    async def find_one(self, filter: Filter, sort: Sort = ()) -> D | None:
        query, order = self._present(filter), list(sort) or None
        stored = await self._run(lambda: self.collection.find_one(query, sort=order, session=current_session()))
        return None if stored is None else self._document.from_mongo(stored)

    async def find(
        self, filter: Filter, sort: Sort = (), limit: int = 0, skip: int = 0, without: Iterable[str] = ()
    ) -> list[D]:
        """`limit` 0 gives all: only for sets that are small by nature. Lists for people use `page`.

        Fields in `without` are not read: they are there with their defaults.
        """
        stored = await self._stored(self._present(filter), self._hiding(without), sort, limit, skip)
        return [self._document.from_mongo(item) for item in stored]

    async def each(self, filter: Filter, batch: int = 200) -> AsyncIterator[D]:
        """All matching documents in the order of their ids, in pages, so that nothing stays open between."""
        cursor: str | None = None
        while True:
            page = await self.page(filter, limit=batch, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    async def page(
        self,
        filter: Filter,
        sort: Sort = (),
        limit: int = 20,
        cursor: str | None = None,
        without: Iterable[str] = (),
    ) -> Page[D]:
        """One page, and the cursor of the next: a position in the order, so that inserts shift nothing.

        Fields in `without` are not read: they are there with their defaults.

        Raises `Invalid`, code `bad_cursor`, when the cursor is not one of this collection and order.
        """
        order = paging.total_order(sort)
        query: Stored = dict(self._present(filter))
        if cursor is not None:
            values = paging.decode_cursor(cursor, self._document.collection, order)
            query = {"$and": [query, *paging.after(order, values, self._document)]}
        stored = await self._stored(query, self._hiding(without), order, limit + 1)
        items = [self._document.from_mongo(item) for item in stored[:limit]]
        more = len(stored) > limit
        following = paging.encode_cursor(stored[limit - 1], self._document.collection, order) if more else None
        return Page(items, following)

    async def by_ids(self, ids: Iterable[str]) -> dict[str, D]:
        """Those of these documents that are there, by id."""
        wanted = list(dict.fromkeys(ids))
        return {found.id: found for found in await self.find({"_id": {"$in": wanted}})} if wanted else {}

    async def fields_of(self, ids: Sequence[str], names: Sequence[str]) -> dict[str, Stored]:
        """Some stored fields of those of these documents that are there, by id: for lists that show little."""
        if not ids:
            return {}
        found = await self._stored(self._present({"_id": {"$in": list(ids)}}), dict.fromkeys(names, 1))
        return {one["_id"]: one for one in found}

    async def values(self, filter: Filter, field: str, sort: Sort = (), limit: int = 0) -> list[Any]:
        """One stored field of all that match."""
        only = {field: 1, "_id": int(field == "_id")}
        stored = await self._stored(self._present(filter), only, sort, limit)
        return [item[field] for item in stored]

    def matching(self, words: str) -> Filter:
        """The filter of documents in which every word occurs (`searched` of the class names where).

        Raises `Invalid` when there are more words than a search may have.
        """
        return search_filter(words)

    async def count(self, filter: Filter, limit: int = 0) -> int:
        """How many match; with a `limit` no more than that are counted."""
        query, at_most = self._present(filter), {"limit": limit} if limit else {}
        return await self._run(
            lambda: self.collection.count_documents(query, session=current_session(), **at_most)
        )

    async def exists(self, filter: Filter) -> bool:
        return bool(await self._stored(self._present(filter), {"_id": 1}, limit=1))

    async def aggregate(self, pipeline: Sequence[Stored]) -> list[Stored]:
        async def run() -> list[Stored]:
            return await (await self.collection.aggregate(list(pipeline), session=current_session())).to_list()

        return await self._run(run)

    def _checked(self, filter: Filter) -> Filter:
        """A misspelt field would match nothing, silently; so only this document's wire names are taken."""
        for name, operand in filter.items():
            if name in ("$and", "$or", "$nor"):
                for item in operand:
                    self._checked(item)
            elif name.split(".")[0] not in self._names:
                raise ValueError(f"{self._document.__name__} has no stored field {name!r}")
        return filter

    def _present(self, filter: Filter) -> Filter:
        """The same, without what is being removed unless `filter` asks for it."""
        if self._hides_gone and "gone" not in filter:
            return {**self._checked(filter), "gone": {"$ne": True}}
        return self._checked(filter)

    def _hiding(self, without: Iterable[str]) -> Mapping[str, int] | None:
        """The projection that leaves these fields out, and with them the terms, of which long texts have many."""
        hidden = dict.fromkeys(without, 0)
        return (
            hidden | dict.fromkeys((SEARCH_TERMS,), 0) if hidden and self._document.searched else hidden or None
        )

    async def _stored(
        self,
        query: Filter,
        fields: Mapping[str, int] | None = None,
        sort: Sort = (),
        limit: int = 0,
        skip: int = 0,
    ) -> list[Stored]:
        return await self._run(
            lambda: self.collection.find(
                query, fields, sort=list(sort) or None, limit=limit, skip=skip, session=current_session()
            ).to_list()
        )

    async def _run(self, operation: Callable[[], Awaitable[T]]) -> T:
        return await self._database.run(operation)

    def _not_found(self) -> NotFound:
        return NotFound(f"{self.noun}_not_found", f"there is no such {self.words}")

    @property
    def words(self) -> str:
        """`noun` as sentences have it."""
        return words(self.noun)


def snake(name: str) -> str:
    return words(name).replace(" ", "_")
