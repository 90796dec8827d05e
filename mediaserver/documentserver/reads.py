"""Commands that only read: find, aggregate, count, distinct, their cursors, and explain."""

from array import array
from itertools import islice
from typing import Any

from mediaserver.documentserver.aggregation.counting import counted
from mediaserver.documentserver.aggregation.pipeline import compile_pipeline, split_query
from mediaserver.documentserver.commands import Context, command, value_of
from mediaserver.documentserver.cursors import FIRST_BATCH, RowCursor, ValueCursor, reply
from mediaserver.documentserver.errors import CommandError, Document, number
from mediaserver.documentserver.finding import Query, parse_sort
from mediaserver.documentserver.matching.filters import Filter
from mediaserver.documentserver.matching.keys import encode as key_of
from mediaserver.documentserver.matching.paths import leaves, split
from mediaserver.documentserver.matching.projection import projection
from mediaserver.documentserver.wire import MAX_DOCUMENT, encode

_FIND = "filter sort projection skip limit batchSize singleBatch hint noCursorTimeout allowDiskUse"


def query_of(ctx: Context, body: Document, filter_name: str = "filter") -> Query:
    """The common part of a command that looks for documents."""
    limit = number(body.get("limit", 0), "limit")
    skip = number(body.get("skip", 0), "skip")
    if skip < 0:
        raise CommandError(2, "skip value must be non-negative")
    return Query(
        filter=Filter(value_of(body, filter_name, dict, {})),
        sort=parse_sort(body.get("sort")),
        skip=skip,
        limit=abs(limit),
        hint=body.get("hint"),
        deadline=ctx.deadline,
    )


def batch_size(body: Document, default: int) -> int:
    size = number(body.get("batchSize", default), "batchSize")
    if size < 0:
        raise CommandError(2, "batchSize must be non-negative")
    return size


@command("find", _FIND)
def find(ctx: Context) -> bytes:
    query = query_of(ctx, ctx.body)
    project = projection(value_of(ctx.body, "projection", dict, {}))
    if number(ctx.body.get("limit", 0), "limit") < 0:
        raise CommandError(2, "limit value must be non-negative")
    collection = ctx.collection()
    size, single = batch_size(ctx.body, FIRST_BATCH), bool(ctx.body.get("singleBatch"))
    if collection is None:
        return ctx.cursors.first(ValueCursor(ctx.namespace(), []), size)
    found = query.run(collection)
    ahead = list(islice(found, size))
    rest = array("q", () if single else (item.number for item in found))
    if not rest and sum(len(item.raw) for item in ahead) < MAX_DOCUMENT:
        documents = [encode(project(item.document)) if project else item.raw for item in ahead]
        return reply(ctx.namespace(), 0, "firstBatch", documents)
    rows = array("q", [item.number for item in ahead]) + rest
    known = {item.number: item.raw for item in ahead}
    return ctx.cursors.first(RowCursor(ctx.namespace(), collection, rows, project, known), size, single)


@command("getMore", "collection batchSize")
def get_more(ctx: Context) -> bytes:
    collection = value_of(ctx.body, "collection", str, "")
    size = batch_size(ctx.body, 0)
    cursor_id = number(ctx.body["getMore"], "getMore")
    return ctx.cursors.more(cursor_id, f"{ctx.database}.{collection}", size)


@command("killCursors", "cursors")
def kill_cursors(ctx: Context) -> Document:
    wanted = [number(item, "cursors") for item in value_of(ctx.body, "cursors", list, [])]
    killed = [item for item in wanted if ctx.cursors.kill(item)]
    missing = [item for item in wanted if item not in killed]
    return {
        "cursorsKilled": killed, "cursorsNotFound": missing, "cursorsAlive": [], "cursorsUnknown": [], "ok": 1.0
    }  # fmt: skip


@command("count", "query limit skip hint")
def count(ctx: Context) -> Document:
    return {"n": query_of(ctx, ctx.body, "query").count(ctx.collection()), "ok": 1.0}


@command("distinct", "key query")
def distinct(ctx: Context) -> Document:
    path = split(value_of(ctx.body, "key", str, ""))
    values: dict[bytes, Any] = {}
    for found in query_of(ctx, ctx.body, "query").run(ctx.collection()):
        for leaf in leaves(found.document, path):
            for value in leaf if isinstance(leaf, list) else [leaf]:
                values.setdefault(key_of(value), value)
    kept = [value for value in values.values() if type(value).__name__ != "Missing"]
    return {"values": kept, "ok": 1.0}


@command("aggregate", "pipeline cursor allowDiskUse bypassDocumentValidation hint")
def aggregate(ctx: Context) -> bytes:
    stages = ctx.request.documents("pipeline")
    options = value_of(ctx.body, "cursor", dict, None)
    if options is None or set(options) - {"batchSize"}:
        raise CommandError(9, "The 'cursor' option is required, with no other option than batchSize")

    def everything_of(name: str) -> Any:
        return (
            found.document for found in Query(deadline=ctx.deadline).run(ctx.storage.find(ctx.database, name))
        )

    query, rest = split_query(stages, ctx.deadline)
    query.hint = ctx.body.get("hint")
    collection = ctx.collection()
    counts = counted(rest[0], query, collection) if rest else None
    pipeline = compile_pipeline(rest if counts is None else rest[1:], everything_of)
    documents = counts if counts is not None else (found.document for found in query.run(collection))
    results = [encode(document) for document in pipeline(documents)]
    return ctx.cursors.first(ValueCursor(ctx.namespace(), results), batch_size(options, FIRST_BATCH))


@command("explain", "verbosity")
def explain(ctx: Context) -> Document:
    """How a find would be done: IXSCAN or COLLSCAN, merged or sorted if need be, and how much was looked at."""
    inner = value_of(ctx.body, "explain", dict, {})
    name = next(iter(inner), "")
    if name != "find" or set(inner) - {"find", "$db", "comment", *_FIND.split()}:
        raise CommandError(115, f"explain of {name or 'nothing'} with these options is not supported")
    query = query_of(ctx, inner)
    collection = ctx.storage.find(ctx.database, inner["find"])
    if collection is None:
        return {"queryPlanner": {"winningPlan": {"stage": "EOF"}}, "ok": 1.0}
    plan = query.plan(collection)
    names = [scan.index.name for scan in plan.scans]
    stage: Document = (
        {"stage": "IXSCAN", "indexName": names[0], "indexNames": names} if names else {"stage": "COLLSCAN"}
    )
    if plan.terms is not None:
        stage = {"stage": "TERM_MATCH", "inputStage": stage}
    if any(scan.merged_after is not None for scan in plan.scans):
        stage = {"stage": "SORT_MERGE", "inputStage": stage}
    stage = stage if plan.sorted else {"stage": "SORT", "inputStage": stage}
    returned = sum(1 for _ in query.run(collection))
    stats = {"nReturned": returned, "totalDocsExamined": query.examined}
    return {"queryPlanner": {"winningPlan": stage}, "executionStats": stats, "ok": 1.0}


def first_found(query: Query, ctx: Context) -> Any:
    """The first document that a query finds, or None. Nothing stays open, so that the caller may write."""
    collection = ctx.collection()
    query.limit = 1
    return next(iter(list(query.run(collection))), None)
