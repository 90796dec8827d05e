"""Models of bodies, queries and responses, derived from documents: fields, types and limits are declared once."""

from collections.abc import Mapping, Sequence
from copy import copy
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Field, create_model
from pydantic.alias_generators import to_camel

from mediaserver.api.declarations import bodies
from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.pagination import PageQuery
from mediaserver.api.declarations.views import PersonView, SkillSummary, UploadView
from mediaserver.base.errors import FieldError, Invalid
from mediaserver.base.faults import UNKNOWN_FIELD
from mediaserver.domain.documents.document import UPLOAD, Document, Reference
from mediaserver.domain.learning.skills import Skill
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.domain.text.search_terms import MOST_WORDS
from mediaserver.domain.uploads.upload_references import holds_uploads

MAX_WORDS = 200
FilterBy = str | tuple[str, str]
"""The name of a field; or the names of a parameter and of the list field that must contain its value."""


def derived_model(name: str, document: type[Document], fields: Sequence[str]) -> type[BaseModel]:
    """Return the model of a body with some of a document's fields, with their types, limits and defaults."""
    chosen: dict[str, Any] = {f: (info.annotation, copy(info)) for f in fields for info in [_info(document, f)]}
    return create_model(name, __base__=Body, **chosen)


def query_model(
    name: str, document: type[Document], filters: Sequence[FilterBy], sorts: Sequence[str] = ()
) -> type[BaseModel]:
    """Return the model of a list's query: filters by equality, an order, and search words if the document has any
    searched fields."""
    chosen: dict[str, Any] = {}
    for one in filters:
        if isinstance(one, str):
            info = copy(_info(document, one))
            info.default, info.default_factory = None, None
            info.description = f"Return only items with this `{info.alias or one}`."
            chosen[one] = (info.annotation | None if info.annotation else Any, info)
        else:
            parameter, field = one
            (item,) = get_args(_info(document, field).annotation)
            about = f"Return only items whose `{to_camel(field)}` contain this value."
            chosen[parameter] = (item | None, Field(default=None, description=about))
    if sorts:
        orders = tuple(sign + to_camel(field) for field in sorts for sign in ("", "-"))
        about = "Sort by this field, ascending; with `-` descending."
        chosen["sort"] = (Literal[orders] | None, Field(default=None, description=about))
    if document.searched:
        about = f"Search words, at most {MOST_WORDS}. All must occur; the last may be incomplete."
        chosen["q"] = (str | None, Field(default=None, min_length=1, max_length=MAX_WORDS, description=about))
    return create_model(name, __base__=PageQuery, **chosen)


def view_of(document: type[Document], **more: Any) -> type[BaseModel]:
    """Return the model of a response: the document with the users, documents and uploads that it refers to.

    `more` are further fields, as for `pydantic.create_model`.
    """
    shown: dict[str, Any] = {
        r.shown: _named(document, r) for r in document.references if r.shown and not r.within
    }
    fields: dict[str, Any] = {**_swapped(document), **_naming_parts(document), **shown, **more}
    return create_model(f"{document.__name__}View", __base__=document, **fields)


@cache
def part_view(document: type[Document], name: str) -> type[BaseModel]:
    """Return the model of a field's part, or of each item of a list of parts, with the users that it names."""
    part = _part(document.model_fields[name].annotation)
    named: dict[str, Any] = {
        r.shown: (PersonView, ...) for r in document.references if r.shown and r.within == (name,)
    }
    return create_model(f"{part.__name__}View", __base__=part, **named)


def brief(view: type[BaseModel], left_out: Sequence[str]) -> type[BaseModel]:
    """Return the model of a list item without some fields."""
    if not left_out:
        return view
    chosen: dict[str, Any] = {
        name: (info.annotation, copy(info)) for name, info in view.model_fields.items() if name not in left_out
    }
    return create_model(f"{view.__name__.removesuffix('View')}Brief", __base__=Body, **chosen)


def patched(model: type[BaseModel], before: Document, patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a merge patch (RFC 7396) names, with their new values.

    Raises: Invalid naming every bad field.
    """
    names = {info.alias or name: name for name, info in model.model_fields.items()}
    unknown = [FieldError(name, UNKNOWN_FIELD) for name in patch if name not in names][: bodies.MAX_FAULTS]
    current = {alias: value for alias, value in before.to_wire().items() if alias in names}
    known = {name: value for name, value in patch.items() if name in names}
    try:
        after = bodies.validate(model, bodies.merge(current, known))
    except Invalid as invalid:
        raise Invalid(invalid.code, invalid.detail, [*invalid.errors, *unknown]) from None
    if unknown:
        raise Invalid("invalid", bodies.WRONG_BODY, unknown)
    return {names[alias]: getattr(after, names[alias]) for alias in known}


def narrowed(query: BaseModel, filters: Sequence[FilterBy]) -> dict[str, Any]:
    """Return the filter that a query of `query_model` asks for."""
    fields = dict((one, one) if isinstance(one, str) else one for one in filters)
    given = query.model_dump(exclude_none=True, include=set(fields))
    aliases = {name: info.alias or name for name, info in type(query).model_fields.items()}
    return {
        aliases[name] if fields[name] == name else to_camel(fields[name]): value for name, value in given.items()
    }


def _info(document: type[Document], name: str) -> Any:
    return document.model_fields[name]


def _class_of(collection: str) -> type[Document]:
    """Return the document class that is stored in the collection."""
    assert DOCUMENTS, "importing the registry imports all documents"
    found, looked = list[type[Document]](Document.__subclasses__()), 0
    while looked < len(found):
        if getattr(found[looked], "collection", None) == collection:
            return found[looked]
        found += found[looked].__subclasses__()
        looked += 1
    raise AssertionError(f"no document is stored in {collection}")


def _naming_parts(document: type[Document]) -> dict[str, Any]:
    """Return the fields with parts that name users, in the shape of responses."""
    found: dict[str, Any] = {}
    for name in {r.within[0] for r in document.references if r.shown and r.within}:
        changed = copy(_info(document, name))
        changed.annotation = _replaced(changed.annotation, part_view(document, name))
        found[name] = (changed.annotation, changed)
    return found


def _part(kind: Any) -> type[BaseModel]:
    """Return the class of a field's parts."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    (part,) = (one for one in get_args(kind) if one is not type(None))
    return _part(part)


def _replaced(kind: Any, view: type[BaseModel]) -> Any:
    """Return a type of parts with another class of parts."""
    if get_origin(kind) is list:
        return list[view]  # type: ignore[valid-type]  # made at run time
    return view | None if type(None) in get_args(kind) else view


def _named(document: type[Document], reference: Reference) -> Any:
    optional = type(None) in get_args(document.model_fields[reference.field].annotation)
    shape = PersonView if reference.to == "users" else summary_of(_class_of(reference.to))
    if reference.many(document):
        return (list[shape], ...)  # type: ignore[valid-type]  # made at run time
    if reference.to == "users":
        return (shape | None, ...) if optional else (shape, ...)
    return (shape | None, ...)


@cache
def summary_of(document: type[Document]) -> type[BaseModel]:
    """Return the model in which other documents show a document."""
    if document is Skill:
        return SkillSummary
    fields: dict[str, Any] = {
        f: (info.annotation, Field(alias=info.alias)) for f in document.summary for info in [_info(document, f)]
    }
    return create_model(f"{document.__name__}Summary", __base__=Body, id=(str, ...), **fields)


@cache
def _view(value: type[BaseModel]) -> type[BaseModel]:
    return create_model(f"{value.__name__}View", __base__=value, **_swapped(value))


def _swapped(model: type[BaseModel]) -> dict[str, Any]:
    """Return the fields that hold upload ids at any depth, in the shape of responses."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        if UPLOAD in info.metadata:
            found[name] = (UploadView | None, ...)
        elif holds_uploads(info.annotation):
            changed = copy(info)
            changed.annotation = shown(info.annotation)
            found[name] = (changed.annotation, changed)
    return found


def shown(kind: Any) -> Any:
    """Return the type of a value in the shape of responses."""
    if not holds_uploads(kind):
        return kind
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _view(kind)
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return UploadView | None if UPLOAD in parts[1:] else Annotated[(shown(parts[0]), *parts[1:])]
    if origin in (Union, UnionType):
        return Union[tuple(shown(part) for part in parts)]  # noqa: UP007 - made at run time
    return origin[tuple(shown(part) for part in parts)]
