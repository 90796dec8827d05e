"""CRUD from a declaration: routes, request models and their checks derived from the document and its policy.

A `Resource` has no hooks. What is more than storing one document is a use case, named in `creates`, `updates`,
`deletes` or `describes`; what is not CRUD-shaped is a route of its own.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from mediaserver.api.declarations.endpoint import Answer, Call, Endpoint
from mediaserver.api.declarations.pagination import page
from mediaserver.api.declarations.resource_texts import (
    change_text,
    create_text,
    delete_text,
    list_text,
    read_text,
)
from mediaserver.api.declarations.shapes import (
    FilterBy,
    brief,
    derived_model,
    narrowed,
    patched,
    query_model,
    view_of,
)
from mediaserver.base.errors import NotFound, PreconditionFailed
from mediaserver.base.nouns import plural, singular, with_article, words
from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.documents.document import Document, to_stored
from mediaserver.domain.documents.policy import Filter, Policy, Rule
from mediaserver.domain.uploads.upload_references import holds_uploads
from mediaserver.store.reader import Sort
from mediaserver.store.repository import Repository
from mediaserver.usecases.access import viewer
from mediaserver.usecases.context import Context, stored_names
from mediaserver.usecases.representation.expansion import describe
from mediaserver.usecases.writes import settling

D = TypeVar("D", bound=Document)
Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """A list of the documents that belong to another one, whose id is `{id}` in `path`.

    `field` of each names the parent. Whoever may read the parent may ask for the list.
    """

    path: str
    parent: type[Document]
    field: str
    summary: str = ""
    """What the list is, where its path does not say it."""
    description: str = ""
    creates: bool = False
    """POST to it creates, with `field` filled in."""
    inherits: Sequence[str] = ()
    """Fields that what is created there has from its parent."""
    filters: Sequence[FilterBy] = ()
    sort: Sort | None = None
    """The order, where it is another than the resource's own."""
    asks: Rule | None = None
    """Who, of those who may read the parent, may ask for this list."""
    open: bool = False
    """Whoever may ask sees all of it: what is not for them is in the fields that lists leave out (`brief`)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resource(Generic[D]):
    """One collection under `path`. Field names are Python's; `scope` are values that all its documents share.

    A declaration is equal to itself alone.
    """

    path: str
    document: type[D]
    policy: Policy | None = None
    """Other than the document's own."""
    listed: bool = True
    """GET of `path` lists them all."""
    within: Sequence[Within] = ()
    create: Sequence[str] = ()
    """Fields of a POST body; none: nothing is created here."""
    update: Sequence[str] = ()
    """Fields of a PATCH body; none: nothing is changed here."""
    filters: Sequence[FilterBy] = ()
    """Fields that a list may be narrowed to, by equality."""
    sorts: Sequence[str] = ()
    """Fields by which a list may be ordered; each needs an index that begins with it."""
    deletable: bool = False
    stamped: Sequence[str] = ()
    """Fields that a plain create fills with the time."""
    sort: Sort = (("_id", -1),)
    """The order of lists; newest first, because ids grow."""
    brief: Sequence[str] = ()
    """Fields, with defaults, that lists leave out: only reading one shows them."""
    scope: Fields = field(default_factory=dict)
    view: type[BaseModel] | None = None
    """Shape of the answers, where `describes` adds to what the document shows."""
    creates: Callable[[Context, Actor, Fields], Awaitable[D]] | None = None
    updates: Callable[[Context, Actor, D, Fields], Awaitable[D]] | None = None
    deletes: Callable[[Context, Actor, D], Awaitable[None]] | None = None
    describes: Callable[[Context, Actor, Sequence[D]], Awaitable[list[dict[str, Any]]]] | None = None
    tag: str = ""
    noun: str = ""
    """What one of them is called; nothing: as its class is."""

    @property
    def rules(self) -> Policy:
        return self.policy or self.document.policy

    def endpoints(self) -> list[Endpoint]:
        return list(_endpoints(self))


@cache
def _endpoints(resource: Resource[Any]) -> tuple[Endpoint, ...]:
    """Made once in a process: their models take long."""
    plain = (resource.create and resource.creates is None) or (resource.update and resource.updates is None)
    if plain and holds_uploads(resource.document):
        whose = resource.document.owned_by
        assert whose, f"{resource.path}: whose uploads it may show must be declared (`owned_by`)"
    return tuple(_Acts(resource).endpoints())


class _Acts(Generic[D]):
    """The handlers of one resource."""

    def __init__(self, resource: Resource[D]) -> None:
        self._r = r = resource
        self._scope = stored_names(r.document, r.scope)
        self._name = r.tag or r.document.__name__
        self._noun = r.noun or words(r.document.__name__)
        self._stem = "".join(part.title() for part in r.path.strip("/").split("-"))
        self._create_body = derived_model(f"{self._stem}Create", r.document, r.create)
        self._update_body = derived_model(f"{self._stem}Update", r.document, r.update)

    def endpoints(self) -> Sequence[Endpoint]:
        r, one, view = self._r, self._r.path + "/{id}", self._r.view or view_of(self._r.document)

        def endpoint(method: str, path: str, summary: str, handler: Any, **more: Any) -> Endpoint:
            return Endpoint(method, path, summary, handler, self._name, **more)

        found, one_more = [], with_article(self._noun)
        if r.listed:
            query = query_model(f"{self._stem}Query", r.document, r.filters, r.sorts)
            shown = brief(view, r.brief)
            found.append(
                endpoint(
                    "GET",
                    r.path,
                    f"List {plural(self._noun)}",
                    self._list,
                    description=list_text(self._noun, "", r.sort, r.brief, bool(r.document.searched)),
                    query=query,
                    answer=shown,
                    listed=True,
                )
            )
        if r.create and not any(place.creates for place in r.within):
            more = {"body": self._create_body, "answer": view, "status": 201, "errors": (403, 409)}
            more |= {"recover": self._recover, "revised": bool(r.update)}
            more |= {"description": create_text(self._noun, "")}
            found.append(endpoint("POST", r.path, f"Create {one_more}", self._create, **more))
        for place in r.within:
            found += self._nested(place, view)
        found.append(
            endpoint(
                "GET",
                one,
                f"Read one {self._noun}",
                self._get,
                description=read_text(self._noun, editable=bool(r.update)),
                answer=view,
                errors=(403, 404),
            )
        )
        edit: dict[str, Any] = {"conditional": True, "errors": (403, 404, 409, 412)}
        if r.update:
            found.append(
                endpoint(
                    "PATCH",
                    one,
                    f"Change {one_more}",
                    self._update,
                    description=change_text(self._noun, r.update),
                    patch=self._update_body,
                    answer=view,
                    **edit,
                )
            )
        if r.deletable:
            edit |= {"description": delete_text(self._noun, editable=bool(r.update)), "status": 204}
            found.append(endpoint("DELETE", one, f"Delete {one_more}", self._delete, **edit))
        return found

    def _nested(self, place: Within, view: type[BaseModel]) -> list[Endpoint]:
        r, listed = self._r, place.path.rpartition("/")[2].replace("-", " ")
        of = with_article(words(place.parent.__name__))
        stem = "".join(part.strip("{}").title() for part in place.path.strip("/").replace("-", "/").split("/"))
        query = query_model(f"{stem}Query", r.document, place.filters, r.sorts)
        found = [
            Endpoint(
                "GET", place.path, place.summary or f"List the {listed} of {of}",
                partial(self._list, place=place), self._name,
                description=place.description or list_text(
                    singular(listed), of, place.sort or r.sort, r.brief, bool(r.document.searched)
                ),
                query=query, answer=brief(view, r.brief), listed=True, errors=(403, 404),
            )
        ]  # fmt: skip
        if place.creates:
            found.append(
                Endpoint(
                    "POST", place.path, f"Create {with_article(self._noun)} of {of}",
                    partial(self._create, place=place), self._name, description=create_text(self._noun, of),
                    body=self._create_body, answer=view, status=201, errors=(403, 404, 409),
                    recover=self._recover, revised=bool(r.update),
                )
            )  # fmt: skip
        return found

    def _repository(self, call: Call) -> Repository[D]:
        return call.context.of(self._r.document)

    async def _list(self, call: Call, place: Within | None = None) -> Answer:
        r, documents, query = self._r, self._repository(call), call.query
        of = {to_camel(place.field): (await _parent(call, place)).id} if place else {}
        allowed = {} if place and place.open else r.rules.read.filter(await _judged(call, r.rules.read))
        if allowed is None:
            return page([], None)
        names = place.filters if place else r.filters
        wanted = narrowed(query, names)
        if await _unseen(call, r.document, wanted):
            return page([], None)
        words = documents.matching(query.q) if getattr(query, "q", None) else {}
        where = _all_of(self._scope, of, allowed, wanted, words)
        sort = _order(getattr(query, "sort", None)) or (place.sort if place and place.sort else r.sort)
        left_out = [to_camel(name) for name in r.brief]
        found = await documents.page(where, sort, limit=query.limit, cursor=query.cursor, without=left_out)
        wires = await self._wire(call, found.items)
        return page([without(wire, left_out) for wire in wires] if left_out else wires, found.next_cursor)

    async def _get(self, call: Call) -> Answer:
        return await self._answer(call, await self._find(call))

    async def _create(self, call: Call, place: Within | None = None) -> Answer:
        r = self._r
        given = {name: getattr(call.body, name) for name in call.body.model_fields_set}
        if place:
            parent = await _parent(call, place)
            given |= {place.field: parent.id, **{name: getattr(parent, name) for name in place.inherits}}
        if r.creates is not None:
            await viewer.require(call.context, call.actor, r.rules.create, None)
            made = await r.creates(call.context, call.actor, given)
        else:
            made = await self._store(call, given)
        return await self._created(call, made)

    async def _created(self, call: Call, made: D) -> Answer:
        return await self._answer(call, made, location=f"{self._r.path}/{made.id}")

    async def _recover(self, call: Call, id: str) -> Answer:
        found = await self._repository(call).find_one({"_id": id, **self._scope})
        if found is None:
            raise NotFound("not_found", "nothing was created")
        return await self._created(call, found)

    async def _store(self, call: Call, given: Fields) -> D:
        r, stamp = self._r, call.context.stamp()
        owned = {r.document.owned_by: call.actor.user_id} if r.document.owned_by else {}
        times = dict.fromkeys(r.stamped, stamp["created_at"])
        made = r.document(**stamp, **r.scope, **owned, **times, **given, **r.document.derived(given))
        await viewer.require(call.context, call.actor, r.rules.create, made)
        return await settling.add(call.context, made)

    async def _update(self, call: Call) -> Answer:
        r, before = self._r, await self._find(call)
        await viewer.require(call.context, call.actor, r.rules.update, before)
        changes = patched(self._update_body, before, call.body)
        if not differs(before, changes):
            # Nothing is edited: no new revision, nothing to tell anybody. `If-Match` holds all the same.
            require_revision(call, before)
            return await self._answer(call, before)
        await claim(call, before)
        if r.updates is not None:
            after = await r.updates(call.context, call.actor, before, changes)
        else:
            after = await settling.change(call.context, before, changes)
        return await self._answer(call, after)

    async def _delete(self, call: Call) -> Answer:
        r, document = self._r, await self._find(call)
        await viewer.require(call.context, call.actor, r.rules.delete, document)
        await claim(call, document)
        if r.deletes is not None:
            await r.deletes(call.context, call.actor, document)
        else:
            await settling.remove(call.context, document)
        return Answer()

    async def _find(self, call: Call) -> D:
        """NotFound, Forbidden."""
        found = await self._repository(call).find_one({"_id": call.id(), **self._scope})
        if found is None:
            raise viewer.missing(call.context, self._r.document)
        await viewer.require(call.context, call.actor, self._r.rules.read, found)
        return found

    async def _answer(self, call: Call, document: D, location: str | None = None) -> Answer:
        (wire,) = await self._wire(call, [document])
        return Answer(wire, location=location, revision=document.revision if self._r.update else None)

    async def _wire(self, call: Call, found: Sequence[D]) -> list[dict[str, Any]]:
        return await (self._r.describes or describe)(call.context, call.actor, found)


def differs(before: Document, changes: Fields) -> bool:
    """Whether any of these fields would get another value than it has."""
    return any(to_stored(value) != to_stored(getattr(before, name)) for name, value in changes.items())


def _changed() -> PreconditionFailed:
    return PreconditionFailed("changed", "somebody changed this meanwhile: read it again")


def require_revision(call: Call, before: Document) -> None:
    """Raises `PreconditionFailed` when `If-Match` names other revisions."""
    if call.if_match is not None and not call.if_match.fits(before.revision):
        raise _changed()


async def claim(call: Call, before: Document) -> None:
    """Under `If-Match`: of several who edit the same revision, one does."""
    if call.if_match is None:
        return
    require_revision(call, before)
    # What was stored before there were revisions has none.
    same = {"$in": [0, None]} if before.revision == 0 else before.revision
    if not await call.context.of(type(before)).update_one({"_id": before.id, "revision": same}):
        raise _changed()


async def _judged(call: Call, rule: Rule) -> Actor:
    """Whom a rule judges: the actor, with the facts that it needs, also of what the list is narrowed to."""
    return await viewer.viewer(call.context, call.actor, rule.needs, call.query) if rule.needs else call.actor


async def _unseen(call: Call, kind: type[Document], wanted: Filter) -> bool:
    """Whether those are wanted that name, among others, somebody whom the reader does not see: answers leave that
    name out, so a list must not tell of it either."""
    lists = {one.stored for one in kind.references if one.to == User.collection and one.many(kind)}
    asked = {wanted[name] for name in lists & wanted.keys()}
    return bool(asked and asked & await viewer.unseen(call.context, call.actor))


async def _parent(call: Call, place: Within) -> Document:
    """NotFound, Forbidden."""
    found = await viewer.find(call.context, call.actor, place.parent, call.id())
    if place.asks:
        await viewer.require(call.context, call.actor, place.asks, found)
    return found


def _order(sort: str | None) -> Sort | None:
    return [(sort.lstrip("-"), -1 if sort.startswith("-") else 1)] if sort else None


def _all_of(*filters: Filter) -> Filter:
    """Flat where the names differ, so that an index over several fields serves it."""
    parts = [one for one in filters if one]
    together = {name: value for one in parts for name, value in one.items()}
    return together if len(together) == sum(map(len, parts)) else {"$and": parts}


def without(wire: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in wire.items() if name not in names}
