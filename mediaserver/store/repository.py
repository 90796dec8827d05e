"""Typed collections: every document goes in and comes out as its class; filters and changes use wire names.

A race is settled by the database (unique indexes, find-and-modify), never by reading first.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import NoReturn, TypeVar
from weakref import WeakValueDictionary

from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pymongo import ReturnDocument
from pymongo.errors import BulkWriteError, DuplicateKeyError

from mediaserver.base.clock import Clock, utc_now
from mediaserver.base.errors import Conflict, FieldError
from mediaserver.base.nouns import with_article
from mediaserver.domain.documents.document import SEARCH_TERMS, Document, to_stored
from mediaserver.store.mongo import Database, Stored
from mediaserver.store.reader import Filter, Reader, Sort, snake
from mediaserver.store.transactions import current_session

D = TypeVar("D", bound=Document)
T = TypeVar("T")

_NUMBERING_ATTEMPTS = 100
_DUPLICATE = 11000


class Repository(Reader[D]):
    """The documents of one class, read and written."""

    def __init__(
        self, database: Database, document: type[D], noun: str | None = None, clock: Clock = utc_now
    ) -> None:
        super().__init__(database, document, noun)
        self._clock = clock
        self._searched = {to_camel(name.split(".")[0]) for name in document.searched}
        self._numbering: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

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
        raise Conflict(f"{self.noun}_contended", f"too many writers number this {self.words} at once")

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
                raise Conflict(f"{self.noun}_changed", f"the {self.words} is no longer what it was")
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
            lambda: self.collection.update_many(query, change, session=current_session()),
            retried=not inc,
            limit_s=self._limit_s(query),
        )
        return result.matched_count

    async def replace(self, document: D) -> D:
        """Store this version over the one with its id; raises `NotFound` when there is none.

        Fields that only another version of the server knows stay as they are.
        """
        named = {self._stored_name(name): value for name, value in document if name != "id"}
        change = {"$set": {**to_stored(self._in_parts(named)), **document.search_terms()}}
        result = await self._write(
            lambda: self.collection.update_one({"_id": document.id}, change, session=current_session())
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
        result = await self._write(
            lambda: self.collection.delete_many(query, session=current_session()), limit_s=self._limit_s(query)
        )
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
            "$set": {**version, **to_stored(self._in_parts(set_ or {}))},
            "$unset": dict.fromkeys(unset, ""),
            "$inc": {**counts, **(inc or {})},
        }
        change: Stored = {operator: fields for operator, fields in parts.items() if fields}
        change |= {operator: to_stored(dict(fields)) for operator, fields in (operators or {}).items()}
        for fields in change.values():
            self._checked(fields)
        if SEARCH_TERMS not in change.get("$set", {}) and self._searched.intersection(
            name.split(".")[0] for fields in change.values() for name in fields
        ):
            raise ValueError(f"a change of what is searched in {self._document.__name__} sets {SEARCH_TERMS} too")
        return change

    def _in_parts(self, fields: Filter) -> Stored:
        """These fields, but of a part that every document has each field by itself: so what only another version
        of the server knows of the part stays."""
        found: Stored = {}
        for name, value in fields.items():
            if name in self._parts and isinstance(value, BaseModel):
                kind = type(value).model_fields
                found |= {f"{name}.{info.alias or inner}": getattr(value, inner) for inner, info in kind.items()}
            else:
                found[name] = value
        return found

    @cached_property
    def _parts(self) -> frozenset[str]:
        """The stored names of fields that always hold a part."""
        fields = self._document.model_fields
        return frozenset(
            self._stored_name(name)
            for name, info in fields.items()
            if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)
        )

    def _stored_name(self, name: str) -> str:
        return self._document.model_fields[name].alias or name

    def _limit_s(self, query: Filter) -> float | None:
        """One document takes no longer than any; what may be thousands may."""
        return None if isinstance(query.get("_id"), str) else self._database.many_s

    async def _write(
        self, operation: Callable[[], Awaitable[T]], retried: bool = True, limit_s: float | None = None
    ) -> T:
        try:
            return await self._database.run(operation, retried, limit_s)
        except DuplicateKeyError as error:
            self._refuse_duplicate(error)

    def _refuse_duplicate(self, error: DuplicateKeyError) -> NoReturn:
        fields = self._fields_of(error)
        shown = [name.removesuffix("Folded").removesuffix("Skeleton").removeprefix("_") for name in fields]
        code = f"{snake(shown[0])}_taken" if len(shown) == 1 else f"{self.noun}_exists"
        # Whose it is says no body, so it is nothing that could be given otherwise.
        owner = to_camel(self._document.owned_by or "")
        given = [name for name in shown if name != owner] or shown
        detail = f"there is already {with_article(self.words)} with this {' and '.join(given)}"
        raise Conflict(code, detail, [FieldError(name, "is taken") for name in given]) from error

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
