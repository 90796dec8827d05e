"""The endpoints of a resource: its handlers, and the models derived from its declaration."""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from mediaserver.api.declarations.calls import Answer, Call
from mediaserver.api.declarations.endpoint import Endpoint
from mediaserver.api.declarations.operation import Accepts, Returns
from mediaserver.api.declarations.pagination import page
from mediaserver.api.declarations.resource import Create, Fields, Resource, Update, Within
from mediaserver.api.declarations.resource_texts import (
    change_text,
    create_text,
    delete_text,
    list_text,
    read_text,
)
from mediaserver.api.declarations.revisions import claim, differs, require_revision
from mediaserver.api.declarations.shapes import brief, derived_model, narrowed, patched, query_model, view_of
from mediaserver.base.errors import NotFound
from mediaserver.base.nouns import plural, singular, with_article, words
from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.documents.document import Document
from mediaserver.domain.documents.policy import Filter, Rule
from mediaserver.domain.uploads.upload_references import holds_uploads
from mediaserver.store.reader import Sort
from mediaserver.store.repository import Repository
from mediaserver.usecases.access import viewer
from mediaserver.usecases.context import stored_names
from mediaserver.usecases.representation.expansion import describe
from mediaserver.usecases.writes import settling

D = TypeVar("D", bound=Document)


@cache
def endpoints(resource: Resource[Any]) -> tuple[Endpoint, ...]:
    """Return the endpoints of a resource. They are made once per process, since deriving their models is slow."""
    stores_itself = (resource.create and resource.create.use_case is None) or (
        resource.update and resource.update.use_case is None
    )
    if stores_itself and holds_uploads(resource.document):
        owner = resource.document.owned_by
        assert owner, f"{resource.path}: `owned_by` must say whose uploads its documents may refer to"
    return tuple(ResourceHandlers(resource).endpoints())


class ResourceHandlers(Generic[D]):
    """The handlers of one resource."""

    def __init__(self, resource: Resource[D]) -> None:
        self._resource = resource
        self._create: Create[D] = resource.create or Create(())
        self._update: Update[D] = resource.update or Update(())
        self._scope = stored_names(resource.document, resource.scope)
        self._tag = resource.tag or resource.document.__name__
        self._noun = resource.noun or words(resource.document.__name__)
        self._stem = "".join(part.title() for part in resource.path.strip("/").split("-"))
        self._view: type[BaseModel] = resource.view or view_of(resource.document)
        self._create_body = derived_model(f"{self._stem}Create", resource.document, self._create.fields)
        self._update_body = derived_model(f"{self._stem}Update", resource.document, self._update.fields)

    # ------------------------------------------------------------ endpoints

    def endpoints(self) -> Sequence[Endpoint]:
        resource, found = self._resource, list[Endpoint]()
        if resource.listing.top_level:
            found.append(self._list_endpoint())
        if self._create.fields and not any(within.creates for within in resource.within):
            found.append(self._create_endpoint(None))
        for within in resource.within:
            found.append(self._nested_list_endpoint(within))
            if within.creates:
                found.append(self._create_endpoint(within))
        found.append(self._read_endpoint())
        if resource.update:
            found.append(self._update_endpoint())
        if resource.delete:
            found.append(self._delete_endpoint())
        return found

    def _endpoint(self, method: str, path: str, summary: str, handler: Any, **more: Any) -> Endpoint:
        return Endpoint(method, path, summary, handler, self._tag, **more)

    def _list_endpoint(self) -> Endpoint:
        listing, document = self._resource.listing, self._resource.document
        return self._endpoint(
            "GET",
            self._resource.path,
            f"List {plural(self._noun)}",
            self.list_documents,
            description=list_text(self._noun, "", listing.order, listing.omits, bool(document.searched)),
            accepts=Accepts(
                query=query_model(f"{self._stem}Query", document, listing.filters, listing.sorts),
            ),
            returns=Returns(model=brief(self._view, listing.omits), page=True),
        )

    def _nested_list_endpoint(self, within: Within) -> Endpoint:
        listing, document = self._resource.listing, self._resource.document
        listed = within.path.rpartition("/")[2].replace("-", " ")
        parent = with_article(words(within.parent.__name__))
        parts = within.path.strip("/").replace("-", "/").split("/")
        stem = "".join(part.strip("{}").title() for part in parts)
        order = within.order or listing.order
        return self._endpoint(
            "GET",
            within.path,
            within.summary or f"List the {listed} of {parent}",
            partial(self.list_documents, within=within),
            description=within.description
            or list_text(singular(listed), parent, order, listing.omits, bool(document.searched)),
            accepts=Accepts(query=query_model(f"{stem}Query", document, within.filters, listing.sorts)),
            returns=Returns(model=brief(self._view, listing.omits), page=True, errors=(403, 404)),
        )

    def _create_endpoint(self, within: Within | None) -> Endpoint:
        parent = with_article(words(within.parent.__name__)) if within else ""
        return self._endpoint(
            "POST",
            within.path if within else self._resource.path,
            f"Create {with_article(self._noun)}{f' of {parent}' if parent else ''}",
            partial(self.create, within=within),
            description=create_text(self._noun, parent),
            accepts=Accepts(body=self._create_body),
            returns=Returns(
                status=201,
                model=self._view,
                revision_tag=self._resource.update is not None,
                errors=(403, 404, 409) if within else (403, 409),
            ),
            recover=self.recover,
        )

    def _read_endpoint(self) -> Endpoint:
        return self._endpoint(
            "GET",
            self._resource.path + "/{id}",
            f"Read one {self._noun}",
            self.read,
            description=read_text(self._noun, editable=self._resource.update is not None),
            returns=Returns(model=self._view, errors=(403, 404)),
        )

    def _update_endpoint(self) -> Endpoint:
        return self._endpoint(
            "PATCH",
            self._resource.path + "/{id}",
            f"Change {with_article(self._noun)}",
            self.update,
            description=change_text(self._noun, self._update.fields),
            accepts=Accepts(patch=self._update_body, conditional=True),
            returns=Returns(model=self._view, errors=(403, 404, 409, 412)),
        )

    def _delete_endpoint(self) -> Endpoint:
        return self._endpoint(
            "DELETE",
            self._resource.path + "/{id}",
            f"Delete {with_article(self._noun)}",
            self.delete,
            description=delete_text(self._noun, editable=self._resource.update is not None),
            accepts=Accepts(conditional=True),
            returns=Returns(status=204, errors=(403, 404, 409, 412)),
        )

    # ------------------------------------------------------------- handlers

    async def list_documents(self, call: Call, within: Within | None = None) -> Answer:
        """Answer a page of the documents that the reader may see and the query asks for."""
        resource, documents, query = self._resource, self._documents(call), call.query
        read = resource.rules.read
        parent = {to_camel(within.field): (await _parent(call, within)).id} if within else {}
        visible = {} if within and within.unfiltered else read.filter(await _viewer(call, read))
        if visible is None:
            return page([], None)
        wanted = narrowed(query, within.filters if within else resource.listing.filters)
        if await _asks_for_hidden_user(call, resource.document, wanted):
            return page([], None)
        matching = documents.matching(query.q) if getattr(query, "q", None) else {}
        where = _all_of(self._scope, parent, visible, wanted, matching)
        order = _order(getattr(query, "sort", None)) or (within and within.order) or resource.listing.order
        omitted = [to_camel(name) for name in resource.listing.omits]
        found = await documents.page(where, order, limit=query.limit, cursor=query.cursor, without=omitted)
        wires = await self._wire(call, found.items)
        return page([without(wire, omitted) for wire in wires] if omitted else wires, found.next_cursor)

    async def read(self, call: Call) -> Answer:
        return await self._answer(call, await self._find(call))

    async def create(self, call: Call, within: Within | None = None) -> Answer:
        given = {name: getattr(call.body, name) for name in call.body.model_fields_set}
        if within:
            parent = await _parent(call, within)
            given |= {within.field: parent.id, **{name: getattr(parent, name) for name in within.inherits}}
        if self._create.use_case is not None:
            await viewer.require(call.context, call.actor, self._resource.rules.create, None)
            created = await self._create.use_case(call.context, call.actor, given)
        else:
            created = await self._store(call, given)
        return await self._created(call, created)

    async def recover(self, call: Call, id: str) -> Answer:
        """Answer with the document that an earlier attempt created. Raises: NotFound."""
        found = await self._documents(call).find_one({"_id": id, **self._scope})
        if found is None:
            raise NotFound("not_found", "The earlier attempt created nothing.")
        return await self._created(call, found)

    async def update(self, call: Call) -> Answer:
        before = await self._find(call)
        await viewer.require(call.context, call.actor, self._resource.rules.update, before)
        changes = patched(self._update_body, before, call.body)
        if not differs(before, changes):
            # No new revision and no events, but `If-Match` must hold all the same.
            require_revision(call, before)
            return await self._answer(call, before)
        await claim(call, before)
        if self._update.use_case is not None:
            after = await self._update.use_case(call.context, call.actor, before, changes)
        else:
            after = await settling.change(call.context, before, changes)
        return await self._answer(call, after)

    async def delete(self, call: Call) -> Answer:
        document, deletion = await self._find(call), self._resource.delete
        await viewer.require(call.context, call.actor, self._resource.rules.delete, document)
        await claim(call, document)
        if deletion is not None and deletion.use_case is not None:
            await deletion.use_case(call.context, call.actor, document)
        else:
            await settling.remove(call.context, document)
        return Answer()

    # ---------------------------------------------------------------- parts

    def _documents(self, call: Call) -> Repository[D]:
        return call.context.of(self._resource.document)

    async def _store(self, call: Call, given: Fields) -> D:
        """Store a new document of a resource without a use case."""
        resource, stamp = self._resource, call.context.stamp()
        document = resource.document
        owned = {document.owned_by: call.actor.user_id} if document.owned_by else {}
        times = dict.fromkeys(self._create.timestamps, stamp["created_at"])
        new = document(**stamp, **resource.scope, **owned, **times, **given, **document.derived(given))
        await viewer.require(call.context, call.actor, resource.rules.create, new)
        return await settling.add(call.context, new)

    async def _find(self, call: Call) -> D:
        """Return the document that the path names. Raises: NotFound, Forbidden."""
        found = await self._documents(call).find_one({"_id": call.id(), **self._scope})
        if found is None:
            raise viewer.missing(call.context, self._resource.document)
        await viewer.require(call.context, call.actor, self._resource.rules.read, found)
        return found

    async def _created(self, call: Call, created: D) -> Answer:
        return await self._answer(call, created, location=f"{self._resource.path}/{created.id}")

    async def _answer(self, call: Call, document: D, location: str | None = None) -> Answer:
        (wire,) = await self._wire(call, [document])
        return Answer(wire, location=location, revision=document.revision if self._resource.update else None)

    async def _wire(self, call: Call, found: Sequence[D]) -> list[dict[str, Any]]:
        return await (self._resource.describe or describe)(call.context, call.actor, found)


async def _viewer(call: Call, rule: Rule) -> Actor:
    """Return the actor with the facts that the rule needs, including those about what the query asks for."""
    return await viewer.viewer(call.context, call.actor, rule.needs, call.query) if rule.needs else call.actor


async def _asks_for_hidden_user(call: Call, kind: type[Document], wanted: Filter) -> bool:
    """Return whether the query asks for documents that name, among others, a user whom the reader does not see.

    Responses omit that user, so a list must not reveal which documents name them either.
    """
    lists = {each.stored for each in kind.references if each.to == User.collection and each.many(kind)}
    asked = {wanted[name] for name in lists & wanted.keys()}
    return bool(asked and asked & await viewer.unseen(call.context, call.actor))


async def _parent(call: Call, within: Within) -> Document:
    """Return the parent that the path names. Raises: NotFound, Forbidden."""
    found = await viewer.find(call.context, call.actor, within.parent, call.id())
    if within.restricted_to:
        await viewer.require(call.context, call.actor, within.restricted_to, found)
    return found


def _order(sort: str | None) -> Sort | None:
    return [(sort.lstrip("-"), -1 if sort.startswith("-") else 1)] if sort else None


def _all_of(*filters: Filter) -> Filter:
    """Combine filters: in one object where the names differ, so that an index over several fields serves it."""
    parts = [part for part in filters if part]
    together = {name: value for part in parts for name, value in part.items()}
    return together if len(together) == sum(map(len, parts)) else {"$and": parts}


def without(wire: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the object without the named fields."""
    return {name: value for name, value in wire.items() if name not in names}
