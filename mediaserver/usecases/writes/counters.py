"""Counters that equal the number of what they count: each record adjusts them once, however often it tries."""

from mediaserver.domain.documents.document import Counted, Document
from mediaserver.usecases.context import Context


async def count(ctx: Context, kind: type[Counted], id: str, field: str, by: int, record: Document) -> None:
    """Add `by` to the wire field `field` of a document because of `record`, unless that was done before.

    The mark that tells goes once the record is settled (`forget`). One that a crash leaves behind does no harm.
    """
    mark = _mark(record, field, by)
    await ctx.of(kind).update_one(
        {"_id": id, "marks": {"$ne": mark}},
        inc={field: by},
        operators={"$push": {"marks": mark}},
        edits=False,
    )


async def forget(ctx: Context, kind: type[Counted], id: str, field: str, record: Document) -> None:
    """`record` is settled, or deleted: nobody tries again."""
    marks = [_mark(record, field, 1), _mark(record, field, -1)]
    await ctx.of(kind).update_one({"_id": id}, operators={"$pull": {"marks": {"$in": marks}}}, edits=False)


def _mark(record: Document, field: str, by: int) -> str:
    return f"{record.id}.{field}{'+' if by > 0 else '-'}"
