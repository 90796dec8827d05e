"""CRUD from a declaration: routes, request models and checks derived from the document and its policy.

A `Resource` has no hooks. Whatever does more than store one document is a use case, named in `Create`, `Update`,
`Delete` or `describe`; whatever is not CRUD-shaped is a route of its own.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from mediaserver.api.declarations.shapes import FilterBy
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.documents.document import Document
from mediaserver.domain.documents.policy import Policy, Rule
from mediaserver.store.reader import Sort
from mediaserver.usecases.context import Context

D = TypeVar("D", bound=Document)
Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """The list of the documents that belong to a parent, whose id is `{id}` in `path`.

    Everyone who may read the parent may request the list, unless `restricted_to` says otherwise.
    """

    path: str
    parent: type[Document]
    field: str
    """The field of the documents that names the parent."""
    summary: str = ""
    """Summary of the operation, where the path does not make a good one."""
    description: str = ""
    filters: Sequence[FilterBy] = ()
    order: Sort | None = None
    """An order other than that of the resource."""
    creates: bool = False
    """POST to `path` creates a document, with `field` filled in."""
    inherits: Sequence[str] = ()
    """Fields that a document created there copies from its parent."""
    restricted_to: Rule | None = None
    """Which of the users who may read the parent may request this list."""
    unfiltered: bool = False
    """The list holds all documents of the parent: the fields that not every reader may see are omitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How the documents are listed, under the resource's path and `within` others."""

    filters: Sequence[FilterBy] = ()
    """Fields by whose value the list can be filtered."""
    sorts: Sequence[str] = ()
    """Fields by which the list can be sorted. Each needs an index that begins with it."""
    order: Sort = (("_id", -1),)
    """The default order: newest first, since ids grow."""
    omits: Sequence[str] = ()
    """Fields, with defaults, that only reading a single document shows."""
    top_level: bool = True
    """GET of the resource's path lists all documents that the reader may see."""


@dataclass(frozen=True, slots=True)
class Create(Generic[D]):
    """POST: which fields the body has, and which use case creates the document."""

    fields: Sequence[str]
    use_case: Callable[[Context, Actor, Fields], Awaitable[D]] | None = None
    timestamps: Sequence[str] = ()
    """Fields that are set to the time of creation when there is no use case."""


@dataclass(frozen=True, slots=True)
class Update(Generic[D]):
    """PATCH: which fields the merge patch may name, and which use case applies it."""

    fields: Sequence[str]
    use_case: Callable[[Context, Actor, D, Fields], Awaitable[D]] | None = None


@dataclass(frozen=True, slots=True)
class Delete(Generic[D]):
    """DELETE, and which use case deletes the document."""

    use_case: Callable[[Context, Actor, D], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resource(Generic[D]):
    """One collection under `path`. Field names are those of Python.

    Declarations compare by identity. `resource_handlers.endpoints` derives the endpoints.
    """

    path: str
    document: type[D]
    policy: Policy | None = None
    """A policy other than that of the document."""
    scope: Fields = field(default_factory=dict)
    """Values that all documents of this resource share."""
    listing: Listing = field(default_factory=Listing)
    within: Sequence[Within] = ()
    create: Create[D] | None = None
    update: Update[D] | None = None
    delete: Delete[D] | None = None
    view: type[BaseModel] | None = None
    """Shape of the response, where `describe` adds to what the document shows."""
    describe: Callable[[Context, Actor, Sequence[D]], Awaitable[list[dict[str, Any]]]] | None = None
    """Returns documents as one reader sees them."""
    tag: str = ""
    """Heading in the OpenAPI document; by default the name of the document's class."""
    noun: str = ""
    """What one document is called in texts; by default derived from the name of its class."""

    @property
    def rules(self) -> Policy:
        return self.policy or self.document.policy
