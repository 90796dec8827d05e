"""Documents that name others: nothing refers to what is not there, as the references of each class declare it."""

from collections.abc import Iterable, Sequence, Set
from typing import Any, TypeVar

from mediaserver.base.errors import Conflict, FieldError, Invalid
from mediaserver.base.nouns import with_article
from mediaserver.domain.documents.document import Consequential, Document, Reference
from mediaserver.domain.documents.policy import Filter
from mediaserver.usecases.context import Context

D = TypeVar("D", bound=Document)

_NAMED = 10


async def require(
    ctx: Context, document: Document, only: Set[str] | None = None, besides: Sequence[FieldError] = ()
) -> None:
    """Invalid when it refers to what is not there. `only` names the fields that are asked about.

    `besides` are faults that were found otherwise, to be told along.
    """
    missing = [
        FieldError(loc, f"there is no such {_one_of(ctx, reference)}")
        for reference in document.references
        if only is None or reference.field in only
        for loc, _ in await _missing(ctx, document, reference)
    ]
    if missing:
        raise Invalid("missing_reference", "this refers to something that is not there", [*missing, *besides])


async def refuse_if_needed(ctx: Context, document: Document, settled: bool = False) -> None:
    """Conflict `in_use` when documents refer to it that forbid its deletion, at any depth; names some of them.

    What goes along with it forbids nothing, nor does what is going otherwise. `settled`: nor does what is not
    settled.
    """
    if found := await _forbidding(ctx, document, document, settled):
        kind, reference, ids = found
        detail = f"{with_article(ctx.of(kind).words)} still refers to it: {reference.remedy}"
        named = [FieldError(f"{kind.collection}.{id}", "refers to it") for id in ids]
        raise Conflict("in_use", detail, named)


async def _forbidding(
    ctx: Context, root: Document, document: Document, settled: bool
) -> tuple[type[Document], Reference, list[str]] | None:
    """The first documents of one class that forbid that `document` goes, which it does along with `root`."""
    for kind, reference in referring(ctx, type(document)):
        apart = _apart_from(root, kind) if document is not root else {}
        where: dict[str, Any] = {**apart, reference.stored: document.id}
        if settled and issubclass(kind, Consequential):
            where["settled"] = {"$ne": False}
        if reference.on_delete == "refuse" and (ids := await ctx.of(kind).values(where, "_id")):
            standing = await _standing(ctx, kind, ids)
            if forbidding := [id for id in ids if id in standing]:
                return kind, reference, forbidding[:_NAMED]
        if reference.on_delete == "cascade" and _may_be_refused(ctx, kind):
            for child in await ctx.of(kind).find(where):
                if found := await _forbidding(ctx, root, child, settled):
                    return found
    return None


def _apart_from(root: Document, kind: type[Document]) -> dict[str, Any]:
    """The filter of documents that do not go along with `root` by themselves: they name all that they hang on."""
    other = {"_id": {"$ne": root.id}} if kind is type(root) else {}
    hanging = (one for one in kind.references if one.to == root.collection and one.on_delete == "cascade")
    return {**other, **{reference.stored: {"$ne": root.id} for reference in hanging}}


async def lost(ctx: Context, document: Document, only: set[str] | None = None) -> bool:
    """Whether something is gone without which it cannot be.

    Or is about to: what it would forbid to be deleted may be going already along with what that hangs on.
    """
    for reference in document.references:
        ids = reference.ids(document)
        if not ids or (only is not None and reference.field not in only):
            continue
        if reference.on_delete == "cascade" and await _missing(ctx, document, reference):
            return True
        if reference.on_delete == "refuse":
            (kind,) = (kind for kind in ctx.repositories.documents if kind.collection == reference.to)
            if not set(ids) <= await _standing(ctx, kind, ids):
                return True
    return False


async def _standing(ctx: Context, kind: type[Document], ids: Iterable[str]) -> set[str]:
    """Those of these documents that are there, and not about to go along with what they hang on."""
    needed = [reference for reference in kind.references if reference.on_delete == "cascade"]
    if not needed:
        return set(await ctx.of(kind).values({"_id": {"$in": list(ids)}}, "_id"))
    found = await ctx.of(kind).by_ids(ids)
    standing = set(found)
    for reference in needed:
        (above,) = (kind for kind in ctx.repositories.documents if kind.collection == reference.to)
        named = {id: reference.ids(one) for id, one in found.items()}
        there = await _standing(ctx, above, {id for its in named.values() for id in its})
        standing -= {id for id, its in named.items() if not there.issuperset(its)}
    return standing


async def forget_what_went(ctx: Context, document: D, only: set[str] | None = None) -> D:
    """The document without what it only mentioned and was deleted while it was written: who deleted that may have
    overlooked it."""
    kind, whole = type(document), document
    for reference in kind.references:
        if reference.on_delete == "clear" and (only is None or reference.field in only):
            for _, id in await _missing(ctx, document, reference):
                await let_go(ctx, kind, reference, id, {"_id": document.id})
                whole = await ctx.of(kind).get(document.id)
    return whole


async def let_go(ctx: Context, kind: type[Document], reference: Reference, id: str, where: Filter) -> None:
    """The documents refer to `id` no more. Nobody has edited them: whoever is just doing so goes on."""
    if reference.many(kind):
        await ctx.of(kind).update_many(where, operators={"$pull": {reference.stored: id}}, edits=False)
    else:
        await ctx.of(kind).update_many(where, set={reference.stored: None}, edits=False)


def referring(ctx: Context, kind: type[Document]) -> list[tuple[type[Document], Reference]]:
    """Who may refer to documents of a class."""
    return [
        (other, reference)
        for other in ctx.repositories.documents
        for reference in other.references
        if reference.to == kind.collection
    ]


def _may_be_refused(ctx: Context, kind: type[Document]) -> bool:
    """Whether anything can forbid that documents of this class are deleted."""
    return any(
        reference.on_delete == "refuse" or (reference.on_delete == "cascade" and _may_be_refused(ctx, other))
        for other, reference in referring(ctx, kind)
        if other is not kind
    )


async def _missing(ctx: Context, document: Document, reference: Reference) -> list[tuple[str, str]]:
    """The places and ids of what it refers to and is not there."""
    ids = reference.ids(document)
    if not ids or reference.on_delete == "keep":
        return []
    there = set(await ctx.repositories.named(reference.to).values({"_id": {"$in": ids}}, "_id"))
    many = reference.many(type(document))
    return [
        (f"{reference.stored}.{at}" if many else reference.stored, id)
        for at, id in enumerate(ids)
        if id not in there
    ]


def _one_of(ctx: Context, reference: Reference) -> str:
    return ctx.repositories.named(reference.to).words
