"""Typed collections: every document goes in and comes out as its class; filters and changes use wire names.

A race is settled by the database (unique indexes, find-and-modify), never by reading first.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar
from weakref import WeakValueDictionary

from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError

from mediaserver.base.clock import Clock, utc_now
from mediaserver.base.errors import Conflict, FieldError, NotFound
from mediaserver.domain.document import Consequential, Document, to_stored
from mediaserver.store import indexing, paging
from mediaserver.store.mongo import Database, Stored
from mediaserver.store.searching import search_filter
from mediaserver.store.transactions import current_session

D = TypeVar("D", bound=Document)
T = TypeVar("T")
Filter = Mapping[str, Any]
Sort = Sequence[tuple[str, int]]

_NUMBERING_ATTEMPTS = 100
_DUPLICATE = 11000


@dataclass(frozen=True, slots=True)
class Page(Generic[D]):
    items: list[D]
    next_cursor: str | None


class Repository(Generic[D]):
    """The documents of one class. `noun` names them in error codes: `user_not_found`."""

    def __init__(
        self, database: Database, document: type[D], noun: str | None = None, clock: Clock = utc_now
    ) -> None:
        self._database, self._document, self._clock = database, document, clock
        self.noun = noun or _snake(document.__name__)
        self._names = {"_id", *(field.alias or name for name, field in document.model_fields.items())} - {"id"}
        self._hides_gone = issubclass(document, Consequential)
        self._numbering: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def collection(self) -> AsyncCollection[Stored]:
        return self._database.raw[self._document.collection]

    @property
    def merged_ranges(self) -> int:
        """How many values of a field one query may name and still be answered in the order of an index."""
        return self._database.merged_ranges

    # ------------------------------------------------------------------------------------------ reading

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
        query, order, fields = self._present(filter), list(sort) or None, dict.fromkeys(without, 0) or None
        stored = await self._run(
            lambda: self.collection.find(
                query, fields, sort=order, limit=limit, skip=skip, session=current_session()
            ).to_list()
        )
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
        fields = dict.fromkeys(without, 0) or None
        stored = await self._run(
            lambda: self.collection.find(
                query, fields, sort=order, limit=limit + 1, session=current_session()
            ).to_list()
        )
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
        query, projection = self._present({"_id": {"$in": list(ids)}}), dict.fromkeys(names, 1)
        found = await self._run(
            lambda: self.collection.find(query, projection=projection, session=current_session()).to_list()
        )
        return {one["_id"]: one for one in found}

    async def values(self, filter: Filter, field: str, sort: Sort = (), limit: int = 0) -> list[Any]:
        """One stored field of all that match."""
        query, projection, order = (
            self._present(filter),
            {field: 1, "_id": int(field == "_id")},
            list(sort) or None,
        )
        stored = await self._run(
            lambda: self.collection.find(
                query, projection=projection, sort=order, limit=limit, session=current_session()
            ).to_list()
        )
        return [item[field] for item in stored]

    def matching(self, words: str) -> Filter:
        """The filter of documents in which every word occurs (`searched` of the class names where)."""
        return search_filter(words, self._database.has_text, indexing.searched_fields(self._document))

    async def count(self, filter: Filter, limit: int = 0) -> int:
        """How many match; with a `limit` no more than that are counted."""
        query, at_most = self._present(filter), {"limit": limit} if limit else {}
        return await self._run(
            lambda: self.collection.count_documents(query, session=current_session(), **at_most)
        )

    async def exists(self, filter: Filter) -> bool:
        query = self._present(filter)
        return (
            await self._run(
                lambda: self.collection.find_one(query, projection={"_id": 1}, session=current_session())
            )
            is not None
        )

    async def aggregate(self, pipeline: Sequence[Stored]) -> list[Stored]:
        async def run() -> list[Stored]:
            return await (await self.collection.aggregate(list(pipeline), session=current_session())).to_list()

        return await self._run(run)

    # ------------------------------------------------------------------------------------------ writing

    async def add(self, document: D) -> D:
        """Raises `Conflict` when a unique field is taken: code `{field}_taken`, or `{noun}_exists` for a pair."""
        stored, attempts = document.to_mongo(), 0

        async def insert() -> None:
            nonlocal attempts
            attempts += 1
            try:
                await self.collection.insert_one(dict(stored), session=current_session())
            except DuplicateKeyError as error:
                if attempts == 1 or self._fields_of(error) != ("_id",):
                    raise
                # The connection broke after an earlier attempt had arrived: the id is ours already.

        await self._write(insert)
        return document

    async def add_many(self, documents: Sequence[D]) -> list[D]:
        """Store those that no unique index refuses; answers these. Repeating it adds nothing twice."""
        if not documents:
            return []
        stored = [document.to_mongo() for document in documents]

        async def insert() -> list[int]:
            try:
                await self.collection.insert_many(
                    [dict(one) for one in stored], ordered=False, session=current_session()
                )
            except BulkWriteError as error:
                failed = (error.details or {}).get("writeErrors", [])
                if any(one["code"] != _DUPLICATE for one in failed) or current_session() is not None:
                    raise  # a refusal has ended the transaction
                return [one["index"] for one in failed]
            return []

        refused = set(await self._run(insert))
        return [document for at, document in enumerate(documents) if at not in refused]

    async def add_if_absent(self, filter: Filter, document: D) -> tuple[D, bool]:
        """The document that matches, or else this one, stored; and whether it was this one.

        Exactly one of many concurrent callers adds, given a unique index on the filter's fields.
        """
        query, stored = self._checked(filter), document.to_mongo()
        fresh = {name: value for name, value in stored.items() if name not in query}

        async def upsert() -> Stored:
            try:
                found = await self.collection.find_one_and_update(
                    query,
                    {"$setOnInsert": fresh},
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                    session=current_session(),
                )
            except DuplicateKeyError:
                found = await self.collection.find_one(query, session=current_session())
                if found is None:  # it is another field that is taken
                    raise
            assert found is not None, "an upsert gives a document"
            return found

        found = await self._write(upsert)
        return self._document.from_mongo(found), found["_id"] == document.id

    async def add_numbered(
        self, make: Callable[[int], D], scope: Filter, field: str = "sequence", first: int = 1
    ) -> D:
        """Store `make(n)` with the next number of its scope: durable, without gaps, each number once.

        The number is taken by the insert itself: the unique index on the scope's fields and `field` refuses a
        number that another writer took, and then the next is tried. A process that dies between reading the last
        number and inserting has used up nothing. Writers of this process queue, so that they do not collide.
        """
        lock = self._numbering.setdefault(repr(sorted(scope.items())), asyncio.Lock())
        async with lock:
            for _ in range(_NUMBERING_ATTEMPTS):
                last = await self._last_number(scope, field)
                document = make(first if last is None else last + 1)
                try:
                    return await self.add(document)
                except Conflict as conflict:
                    if field not in {error.loc for error in conflict.errors}:
                        raise
        raise Conflict(f"{self.noun}_contended", f"too many writers number this {self.noun} at once")

    async def _last_number(self, scope: Filter, field: str) -> int | None:
        query = self._checked(scope)
        last = await self._run(
            lambda: self.collection.find_one(
                query,
                sort=[*((n, -1) for n in scope), (field, -1)],
                projection=[field],
                session=current_session(),
            )
        )
        return None if last is None else int(last[field])

    async def update(
        self,
        id: str,
        *,
        set: Filter | None = None,
        unset: Iterable[str] = (),
        inc: Mapping[str, int | float] | None = None,
        where: Filter | None = None,
        operators: Mapping[str, Filter] | None = None,
        edits: bool = True,
    ) -> D:
        """Change one document at once and return its new version; `updatedAt` and `revision` follow.

        `edits` False: a counter or the like, which is no new version for people who edit.

        `where` is what must hold: raises `Conflict`, code `{noun}_changed`, when the document exists without it,
        and `NotFound` when there is none. `operators` takes further ones, such as `$addToSet`.
        """
        query = {"_id": id, **self._checked(where or {})}
        changed = await self._update(
            query, self._change(set, unset, inc, operators, edits), bool(inc or where or operators)
        )
        if changed is None:
            if where and await self.exists({"_id": id}):
                raise Conflict(f"{self.noun}_changed", f"the {self._words} is no longer what it was")
            raise self._not_found()
        return changed

    async def update_one(
        self,
        filter: Filter,
        *,
        set: Filter | None = None,
        unset: Iterable[str] = (),
        inc: Mapping[str, int | float] | None = None,
        operators: Mapping[str, Filter] | None = None,
        sort: Sort = (),
        edits: bool = True,
    ) -> D | None:
        """Change the first document that matches; None when there is none. Of two racers, one gets it."""
        change = self._change(set, unset, inc, operators, edits)
        return await self._update(self._checked(filter), change, True, sort)

    async def _update(self, query: Filter, change: Stored, once: bool, sort: Sort = ()) -> D | None:
        stored = await self._write(
            lambda: self.collection.find_one_and_update(
                query,
                change,
                sort=list(sort) or None,
                return_document=ReturnDocument.AFTER,
                session=current_session(),
            ),
            retried=not once,
        )
        return None if stored is None else self._document.from_mongo(stored)

    async def update_many(
        self,
        filter: Filter,
        *,
        set: Filter | None = None,
        unset: Iterable[str] = (),
        inc: Mapping[str, int | float] | None = None,
        operators: Mapping[str, Filter] | None = None,
        edits: bool = True,
    ) -> int:
        """The number of documents that matched."""
        query, change = self._checked(filter), self._change(set, unset, inc, operators, edits)
        result = await self._write(
            lambda: self.collection.update_many(query, change, session=current_session()), retried=not inc
        )
        return result.matched_count

    async def replace(self, document: D) -> D:
        """Store this version over the one with its id; raises `NotFound` when there is none."""
        stored = document.to_mongo()
        result = await self._write(
            lambda: self.collection.replace_one({"_id": document.id}, stored, session=current_session())
        )
        if not result.matched_count:
            raise self._not_found()
        return document

    async def delete(self, id: str) -> None:
        """Raises `NotFound` when there is none."""
        if not await self._write(
            lambda: self.collection.find_one_and_delete({"_id": id}, session=current_session()), retried=False
        ):
            raise self._not_found()

    async def delete_many(self, filter: Filter) -> int:
        query = self._checked(filter)
        result = await self._write(lambda: self.collection.delete_many(query, session=current_session()))
        return result.deleted_count

    # ------------------------------------------------------------------------------------------ within

    def _change(
        self,
        set_: Filter | None,
        unset: Iterable[str],
        inc: Mapping[str, int | float] | None,
        operators: Mapping[str, Filter] | None,
        edits: bool,
    ) -> Stored:
        version, counts = ({"updatedAt": self._clock()}, {"revision": 1}) if edits else ({}, {})
        parts: Stored = {
            "$set": {**version, **to_stored(dict(set_ or {}))},
            "$unset": dict.fromkeys(unset, ""),
            "$inc": {**counts, **(inc or {})},
        }
        change: Stored = {operator: fields for operator, fields in parts.items() if fields}
        change |= {operator: to_stored(dict(fields)) for operator, fields in (operators or {}).items()}
        for fields in change.values():
            self._checked(fields)
        return change

    def _checked(self, filter: Filter) -> Filter:
        """A misspelt field would match nothing, silently; so only this document's wire names are taken."""
        for name, operand in filter.items():
            if name in ("$and", "$or", "$nor"):
                for item in operand:
                    self._checked(item)
            elif name != "$text" and name.split(".")[0] not in self._names:
                raise ValueError(f"{self._document.__name__} has no stored field {name!r}")
        return filter

    def _present(self, filter: Filter) -> Filter:
        """The same, without what is being removed unless `filter` asks for it."""
        if self._hides_gone and "gone" not in filter:
            return {**self._checked(filter), "gone": {"$ne": True}}
        return self._checked(filter)

    async def _run(self, operation: Callable[[], Awaitable[T]]) -> T:
        return await self._database.run(operation)

    async def _write(self, operation: Callable[[], Awaitable[T]], retried: bool = True) -> T:
        try:
            return await self._database.run(operation, retried)
        except DuplicateKeyError as error:
            self._refuse_duplicate(error)

    def _refuse_duplicate(self, error: DuplicateKeyError) -> NoReturn:
        fields = self._fields_of(error)
        shown = [name.removesuffix("Folded").removeprefix("_") for name in fields]
        code = f"{_snake(shown[0])}_taken" if len(shown) == 1 else f"{self.noun}_exists"
        raise Conflict(
            code,
            f"there is already a {self._words} with this {' and '.join(shown)}",
            [FieldError(name, "is taken") for name in shown],
        ) from error

    def _fields_of(self, error: DuplicateKeyError) -> tuple[str, ...]:
        pattern = (error.details or {}).get("keyPattern")
        if pattern:
            return tuple(pattern)
        named = re.search(r"index: (?:\S+\.\$)?(\S+)", str(error))
        name = named.group(1) if named else ""
        for index in self._document.all_indexes():
            if index.name == name:
                return tuple(field for field, _ in index.fields)
        return ("_id",)

    def _not_found(self) -> NotFound:
        return NotFound(f"{self.noun}_not_found", f"there is no such {self._words}")

    @property
    def _words(self) -> str:
        return self.noun.replace("_", " ")


async def next_sequence(database: Database, name: str) -> int:
    """The next number of a named counter, from 1: durable, each given once, in order.

    A number is used up when it is given; where a gap must never show, use `Repository.add_numbered`.
    """

    async def increment() -> int:
        while True:
            try:
                counter = await database.raw["counters"].find_one_and_update(
                    {"_id": name},
                    {"$inc": {"value": 1}},
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                    session=current_session(),
                )
            except DuplicateKeyError:  # two first callers raced to make it; the loser increments
                continue
            assert counter is not None, "an upsert gives a document"
            return int(counter["value"])

    return await database.run(increment, retried=False)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
