"""CRUD from a declaration: routes, request models and their checks derived from the document and its policy.

A `Resource` has no hooks. What is more than storing one document is a use case, named in `creates`, `updates`,
`deletes` or `describes`; what is not CRUD-shaped is a route of its own.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, create_model

from mediaserver.api import bodies
from mediaserver.api.bodies import Body
from mediaserver.api.endpoint import Answer, Call, Endpoint
from mediaserver.api.pagination import PageQuery, page
from mediaserver.base.errors import FieldError, Forbidden, Invalid, NotFound
from mediaserver.domain.actor import Actor
from mediaserver.domain.document import Document
from mediaserver.domain.policy import Filter, Policy
from mediaserver.store.repository import Repository, Sort
from mediaserver.usecases.context import Context, stored_names

D = TypeVar("D", bound=Document)
Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource(Generic[D]):
    """One collection under `path`. Field names are Python's; `scope` are values that all its documents share."""

    path: str
    document: type[D]
    repository: Callable[[Context], Repository[D]]
    policy: Policy
    create: Sequence[str] = ()
    """Fields of a POST body; none: nothing is created here."""
    update: Sequence[str] = ()
    """Fields of a PATCH body; none: nothing is changed here."""
    filters: Sequence[str] = ()
    """Fields that a list may be narrowed to, by equality."""
    deletable: bool = False
    owner: str | None = None
    """The field that a plain create fills with the actor."""
    sort: Sort = (("_id", -1),)
    """The order of lists; newest first, because ids grow."""
    scope: Fields = field(default_factory=dict)
    view: type[BaseModel] | None = None
    """Shape of the answers, where `describes` adds to the document."""
    creates: Callable[[Context, Actor, Fields], Awaitable[D]] | None = None
    updates: Callable[[Context, Actor, D, Fields], Awaitable[D]] | None = None
    deletes: Callable[[Context, Actor, D], Awaitable[None]] | None = None
    describes: Callable[[Context, Actor, Sequence[D]], Awaitable[list[dict[str, Any]]]] | None = None
    tag: str = ""

    def endpoints(self) -> list[Endpoint]:
        return list(_Acts(self).endpoints())


class _Acts(Generic[D]):
    """The handlers of one resource."""

    def __init__(self, resource: Resource[D]) -> None:
        self._r = resource
        self._scope = stored_names(resource.document, resource.scope)
        self._name = resource.tag or resource.document.__name__
        stem = "".join(part.title() for part in resource.path.strip("/").split("-"))
        self._list_query = _query_model(f"{stem}Query", resource.document, resource.filters)
        self._create_body = derived_model(f"{stem}Create", resource.document, resource.create)
        self._update_body = derived_model(f"{stem}Update", resource.document, resource.update)

    def endpoints(self) -> Sequence[Endpoint]:
        r, one, view = self._r, self._r.path + "/{id}", self._r.view or self._r.document

        def endpoint(method: str, path: str, summary: str, handler: Any, **more: Any) -> Endpoint:
            return Endpoint(method, path, summary, handler, self._name, **more)

        found = [
            endpoint("GET", r.path, "List", self._list, query=self._list_query, answer=view, listed=True),
            endpoint("GET", one, "Read one", self._get, answer=view, errors=(403, 404)),
        ]
        if r.create:
            more = {"body": self._create_body, "answer": view, "status": 201, "errors": (403, 409)}
            more["recover"] = self._recover
            found.append(endpoint("POST", r.path, "Create", self._create, **more))
        if r.update:
            more = {"patch": self._update_body, "answer": view, "errors": (403, 404, 409)}
            found.append(endpoint("PATCH", one, "Change", self._update, **more))
        if r.deletable:
            found.append(endpoint("DELETE", one, "Delete", self._delete, status=204, errors=(403, 404, 409)))
        return found

    async def _list(self, call: Call) -> Answer:
        allowed = self._r.policy.read.filter(call.actor)
        if allowed is None:
            return page([], None)
        chosen = call.query.model_dump(by_alias=True, exclude_none=True, exclude={"limit", "cursor"})
        where = _all_of(self._scope, allowed, chosen)
        documents = self._r.repository(call.context)
        found = await documents.page(where, self._r.sort, limit=call.query.limit, cursor=call.query.cursor)
        return page(await self._wire(call, found.items), found.next_cursor)

    async def _get(self, call: Call) -> Answer:
        return Answer((await self._wire(call, [await self._find(call)]))[0])

    async def _create(self, call: Call) -> Answer:
        r = self._r
        if not r.policy.create.allows(call.actor, None):
            raise _forbidden()
        given = {name: getattr(call.body, name) for name in call.body.model_fields_set}
        if r.creates is not None:
            made = await r.creates(call.context, call.actor, given)
        else:
            owned = {r.owner: call.actor.user_id} if r.owner else {}
            made = r.document(**call.context.stamp(), **r.scope, **owned, **given)
            made = await r.repository(call.context).add(made)
        return await self._created(call, made)

    async def _created(self, call: Call, made: D) -> Answer:
        return Answer((await self._wire(call, [made]))[0], location=f"{self._r.path}/{made.id}")

    async def _recover(self, call: Call, id: str) -> Answer:
        found = await self._r.repository(call.context).find_one({"_id": id, **self._scope})
        if found is None:
            raise NotFound("not_found", "nothing was created")
        return await self._created(call, found)

    async def _update(self, call: Call) -> Answer:
        r, before = self._r, await self._find(call)
        if not r.policy.update.allows(call.actor, before):
            raise _forbidden()
        changes = patched(self._update_body, before, call.body)
        if not changes:
            after = before
        elif r.updates is not None:
            after = await r.updates(call.context, call.actor, before, changes)
        else:
            after = await r.repository(call.context).update(before.id, set=stored_names(r.document, changes))
        return Answer((await self._wire(call, [after]))[0])

    async def _delete(self, call: Call) -> Answer:
        r, document = self._r, await self._find(call)
        if not r.policy.delete.allows(call.actor, document):
            raise _forbidden()
        if r.deletes is not None:
            await r.deletes(call.context, call.actor, document)
        else:
            await r.repository(call.context).delete(document.id)
        return Answer()

    async def _find(self, call: Call) -> D:
        """NotFound, Forbidden."""
        found = await self._r.repository(call.context).find_one({"_id": call.id(), **self._scope})
        if found is None:
            raise NotFound("not_found", f"there is no such {self._name.lower()}")
        if not self._r.policy.read.allows(call.actor, found):
            raise _forbidden()
        return found

    async def _wire(self, call: Call, found: Sequence[D]) -> list[dict[str, Any]]:
        if self._r.describes is not None:
            return await self._r.describes(call.context, call.actor, found)
        return [document.to_wire() for document in found]


def derived_model(name: str, document: type[Document], fields: Sequence[str]) -> type[BaseModel]:
    """A body with some of a document's fields, their types, limits and defaults."""
    chosen: dict[str, Any] = {f: (info.annotation, copy(info)) for f in fields for info in [_info(document, f)]}
    return create_model(name, __base__=Body, **chosen)


def patched(model: type[BaseModel], before: Document, patch: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that a merge patch (RFC 7396) changes, with their new values. Invalid names every bad one."""
    names = {info.alias or name: name for name, info in model.model_fields.items()}
    unknown = [FieldError(name, "is not a field that can be given here") for name in patch if name not in names]
    current = {alias: value for alias, value in before.to_wire().items() if alias in names}
    known = {name: value for name, value in patch.items() if name in names}
    try:
        after = bodies.validate(model, bodies.merge(current, known))
    except Invalid as invalid:
        raise Invalid(invalid.code, invalid.detail, [*invalid.errors, *unknown]) from None
    if unknown:
        raise Invalid("invalid", "some fields are wrong", unknown)
    return {names[alias]: getattr(after, names[alias]) for alias in known}


def _query_model(name: str, document: type[Document], filters: Sequence[str]) -> type[BaseModel]:
    chosen: dict[str, Any] = {}
    for one in filters:
        info = copy(_info(document, one))
        info.default, info.default_factory = None, None
        chosen[one] = (info.annotation | None if info.annotation else Any, info)
    return create_model(name, __base__=PageQuery, **chosen)


def _info(document: type[Document], name: str) -> Any:
    return document.model_fields[name]


def _all_of(*filters: Filter) -> Filter:
    """Flat where the names differ, so that an index over several fields serves it."""
    parts = [one for one in filters if one]
    together = {name: value for one in parts for name, value in one.items()}
    return together if len(together) == sum(map(len, parts)) else {"$and": parts}


def _forbidden() -> Forbidden:
    return Forbidden("forbidden", "you may not do that")
