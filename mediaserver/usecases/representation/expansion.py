"""Documents as the wire has them: with the people, documents and uploads that they name: no client asks again.

People whom the reader does not see are left out of lists, and shown by their names alone where they cannot be.
One query for each kind of thing, however many documents there are.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic.alias_generators import to_camel

from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.documents.document import Document, Reference, ids_in, parts
from mediaserver.domain.uploads.upload_references import Loc, holds_uploads, shown_uploads
from mediaserver.usecases.access import viewer
from mediaserver.usecases.context import Context
from mediaserver.usecases.representation import users
from mediaserver.usecases.uploads import uploads

Wire = dict[str, Any]


async def describe(ctx: Context, reader: Actor, documents: Sequence[Document]) -> list[Wire]:
    """Documents of one class, in their order."""
    if not documents:
        return []
    kind = type(documents[0])
    wires = [document.to_wire() for document in documents]
    await _name_people(ctx, reader, kind, documents, wires)
    await _name_documents(ctx, kind, documents, wires)
    if holds_uploads(kind):
        await _show_uploads(ctx, reader, documents, wires)
    return wires


async def summaries(ctx: Context, collection: str, ids: Iterable[str]) -> dict[str, Wire]:
    """What others show of documents: the id and the fields that their class names as its summary."""
    found = await ctx.repositories.named(collection).by_ids(ids)
    return {id: _summary(document) for id, document in found.items()}


async def _name_people(
    ctx: Context, reader: Actor, kind: type[Document], documents: Sequence[Document], wires: Sequence[Wire]
) -> None:
    shown = [reference for reference in kind.references if reference.to == "users" and reference.shown]
    if not shown:
        return
    unseen = await viewer.unseen(ctx, reader)
    named = (id for document in documents for one in shown for id in one.ids(document))
    people = await users.people(ctx, named, unseen)
    seen = {id: person for id, person in people.items() if id not in unseen}
    for reference in shown:
        _put_named(kind, reference, seen if reference.many(kind) else people, documents, wires)


async def _name_documents(
    ctx: Context, kind: type[Document], documents: Sequence[Document], wires: Sequence[Wire]
) -> None:
    for reference in kind.references:
        if reference.to == "users" or not reference.shown:
            continue
        ids = (id for document in documents for id in reference.ids(document))
        _put_named(kind, reference, await summaries(ctx, reference.to, ids), documents, wires)


def _put_named(
    kind: type[Document],
    reference: Reference,
    found: Mapping[str, Wire],
    documents: Sequence[Document],
    wires: Sequence[Wire],
) -> None:
    """What the reference names in its place: null, or left out of a list, where it is not there."""
    assert reference.shown is not None, "only what is shown is looked up"
    name, path, many = to_camel(reference.shown), reference.within, reference.many(kind)
    wire_path = [to_camel(step) for step in path]
    for document, wire in zip(documents, wires, strict=True):
        for part, place in zip(parts(document, path), parts(wire, wire_path), strict=True):
            named = [found[id] for id in ids_in(part, reference.name) if id in found]
            place[name] = named if many else named[0] if named else None


async def _show_uploads(
    ctx: Context, reader: Actor, documents: Sequence[Document], wires: Sequence[Wire]
) -> None:
    """An upload that was deleted since leaves null."""
    places = [shown_uploads(document) for document in documents]
    found = await ctx.uploads.by_ids(id for shown in places for _, id in shown)
    for wire, shown in zip(wires, places, strict=True):
        for loc, id in shown:
            upload = found.get(id)
            _put(wire, loc, uploads.describe(ctx, reader, upload) if upload else None)


def _put(wire: Any, loc: Loc, value: Any) -> None:
    for step in loc[:-1]:
        wire = wire[step]
    wire[loc[-1]] = value


def _summary(document: Document) -> Wire:
    return document.model_dump(mode="json", by_alias=True, include={"id", *type(document).summary})
