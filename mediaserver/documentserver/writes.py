"""Commands that write documents: insert, update, delete and findAndModify.

Each document's write is whole or not at all. In a batch, `ordered` (the default) stops at the first refusal.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from mediaserver.documentserver.commands import Context, command, value_of
from mediaserver.documentserver.errors import CommandError, Document, number, refuse_unknown
from mediaserver.documentserver.finding import Found, Query, parse_sort
from mediaserver.documentserver.matching.filters import Filter
from mediaserver.documentserver.matching.projection import projection
from mediaserver.documentserver.matching.updates import Update, base_for_upsert
from mediaserver.documentserver.planning.indexes import Index
from mediaserver.documentserver.reads import first_found
from mediaserver.documentserver.storage import Collection
from mediaserver.documentserver.wire import decode

_UPDATE_FIELDS = frozenset(["q", "u", "multi", "upsert", "hint"])
_DELETE_FIELDS = frozenset(["q", "limit", "hint"])


def _each(items: Sequence[Any], ordered: bool, act: Callable[[int, Any], None]) -> list[Document]:
    errors = []
    for index, item in enumerate(items):
        try:
            act(index, item)
        except CommandError as error:
            errors.append(error.write_error(index))
            if ordered:
                break
    return errors


def _answer(reply: Document, errors: list[Document]) -> Document:
    return {**reply, **({"writeErrors": errors} if errors else {}), "ok": 1.0}


@command("insert", "documents ordered bypassDocumentValidation", is_write=True)
def insert(ctx: Context) -> Document:
    raws = ctx.request.sequences.get("documents")
    items: Sequence[bytes | Document] = raws if raws is not None else ctx.request.documents("documents")
    if not items:
        raise CommandError(16, "Write batch sizes must be between 1 and 100000. Got 0 operations.")
    collection = ctx.storage.make(ctx.database, ctx.named())
    inserted = 0

    def act(_: int, item: bytes | Document) -> None:
        nonlocal inserted
        document = decode(item) if isinstance(item, bytes) else item
        raw = item if isinstance(item, bytes) and next(iter(document), "") == "_id" else None
        collection.insert(document if raw else _with_id_first(document), raw)
        inserted += 1

    errors = _each(items, ctx.body.get("ordered", True), act)
    return _answer({"n": inserted}, errors)


def _with_id_first(document: Document) -> Document:
    return {"_id": document.get("_id", ObjectId()), **{k: v for k, v in document.items() if k != "_id"}}


@dataclass(slots=True)
class _Outcome:
    """What one update did. `document` is the new version, when exactly one was touched."""

    matched: int = 0
    modified: int = 0
    upserted: Document | None = None
    document: Document | None = None


@command("update", "updates ordered bypassDocumentValidation", is_write=True)
def update(ctx: Context) -> Document:
    total = _Outcome()
    upserted: list[Document] = []

    def act(index: int, statement: Document) -> None:
        refuse_unknown(statement, _UPDATE_FIELDS, "update.updates")
        change = Update(statement.get("u"))
        if statement.get("multi") and change.is_replacement:
            raise CommandError(9, "multi update is not supported for replacement-style update")
        query = Query(
            Filter(value_of(statement, "q", dict, {})), hint=statement.get("hint"), deadline=ctx.deadline
        )
        outcome = _update(ctx, query, change, bool(statement.get("multi")), bool(statement.get("upsert")))
        total.matched += outcome.matched
        total.modified += outcome.modified
        if outcome.upserted is not None:
            upserted.append({"index": index, "_id": outcome.upserted["_id"]})

    statements = ctx.request.documents("updates")
    errors = _each(statements, ctx.body.get("ordered", True), act)
    reply: Document = {"n": total.matched + len(upserted), "nModified": total.modified}
    if upserted:
        reply["upserted"] = upserted
    return _answer(reply, errors)


def _update(ctx: Context, query: Query, change: Update, multi: bool, upsert: bool) -> _Outcome:
    query.limit = 0 if multi else 1
    outcome = _Outcome()
    collection = ctx.collection()
    for found in list(query.run(collection)) if collection else ():
        assert collection is not None
        outcome.matched += 1
        outcome.document = _change(ctx, collection, found, change, query)
        outcome.modified += outcome.document is not found.document
    if upsert and not outcome.matched:
        outcome.upserted = outcome.document = _upsert(ctx, query, change)
    return outcome


def _change(ctx: Context, collection: Collection, found: Found, change: Update, query: Query) -> Document:
    """The new version, stored; the found document itself when nothing changes."""
    new = change.apply(found.document, query.filter, ctx.now)
    return new if collection.replace(found.number, found.document, new) else found.document


def _upsert(ctx: Context, query: Query, change: Update) -> Document:
    base = base_for_upsert(query.filter)
    if change.is_replacement:
        base = {name: value for name, value in base.items() if name == "_id"}
    document = _with_id_first(change.apply(base, query.filter, ctx.now, inserting=True))
    ctx.storage.make(ctx.database, ctx.named()).insert(document)
    return document


@command("delete", "deletes ordered", is_write=True)
def delete(ctx: Context) -> Document:
    deleted = 0

    def act(_: int, statement: Document) -> None:
        nonlocal deleted
        refuse_unknown(statement, _DELETE_FIELDS, "delete.deletes")
        limit = number(statement.get("limit", 0), "limit")
        if limit not in (0, 1):
            raise CommandError(9, "The limit field in delete objects must be 0 or 1.")
        query = Query(Filter(value_of(statement, "q", dict, {})), limit=limit, hint=statement.get("hint"))
        collection = ctx.collection()
        for found in list(query.run(collection)) if collection else ():
            assert collection is not None
            collection.delete(found.number, found.document)
            deleted += 1

    errors = _each(ctx.request.documents("deletes"), ctx.body.get("ordered", True), act)
    return _answer({"n": deleted}, errors)


@command(
    "findAndModify", "query sort remove update new upsert fields hint bypassDocumentValidation", is_write=True
)
def find_and_modify(ctx: Context) -> Document:
    body = ctx.body
    remove, source = bool(body.get("remove")), body.get("update")
    if remove == (source is not None) or (remove and (body.get("upsert") or body.get("new"))):
        raise CommandError(
            9, "Either an update or remove=true must be specified, and remove excludes new and upsert"
        )
    project = projection(value_of(body, "fields", dict, {}))
    query = Query(Filter(value_of(body, "query", dict, {})), parse_sort(body.get("sort")), hint=body.get("hint"))
    change = None if remove else Update(source)
    found, collection = first_found(query, ctx), ctx.collection()
    state: Document = {"n": int(found is not None)}
    value: Document | None = None
    if found is not None and collection is not None:
        value = found.document
        if change is None:
            collection.delete(found.number, found.document)
        else:
            new = _change(ctx, collection, found, change, query)
            value = new if body.get("new") else value
    elif change is not None and body.get("upsert"):
        made = _upsert(ctx, query, change)
        state |= {"n": 1, "upserted": made["_id"]}
        value = made if body.get("new") else None
    if change is not None:
        state["updatedExisting"] = found is not None
    return {"lastErrorObject": state, "value": project(value) if project and value else value, "ok": 1.0}


def expire(collection: Collection, index: Index, cutoff_ms: int) -> int:
    """Delete what a TTL index says is over; the number deleted."""
    name = index.fields[0][0]
    query = Query(Filter({name: {"$lte": DatetimeMS(cutoff_ms)}}))
    found = list(query.run(collection))
    for item in found:
        collection.delete(item.number, item.document)
    return len(found)
