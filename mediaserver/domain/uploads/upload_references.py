"""Where a document names uploads: found by the types of its fields (`UploadId`), at any depth."""

from collections.abc import Iterator
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mediaserver.domain.documents.document import UPLOAD, Document

Loc = tuple[str | int, ...]
"""Wire names and positions that lead to a value."""


def shown_uploads(document: Document) -> list[tuple[Loc, str]]:
    """Each upload that the document names, and where."""
    return list(_within(document, ())) if holds_uploads(type(document)) else []


def holds_uploads(kind: Any) -> bool:
    """Whether values of a type can name uploads."""
    found = _KNOWN.get(kind)
    if found is None:
        found = _KNOWN[kind] = _holds(kind)
    return found


_KNOWN: dict[Any, bool] = {}


def _holds(kind: Any) -> bool:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return any(_names_upload(info) or holds_uploads(info.annotation) for info in kind.model_fields.values())
    if get_origin(kind) is Annotated and UPLOAD in get_args(kind)[1:]:
        return True
    return any(holds_uploads(part) for part in get_args(kind) if get_origin(kind) is not None)


def _names_upload(info: FieldInfo) -> bool:
    return UPLOAD in info.metadata


def _within(value: BaseModel, loc: Loc) -> Iterator[tuple[Loc, str]]:
    for name, wire_name, kind in _holders(type(value)):
        inner = getattr(value, name)
        if not inner:
            continue
        if kind is None:
            yield (*loc, wire_name), inner
        else:
            yield from _value(inner, kind, (*loc, wire_name))


@cache
def _holders(model: type[BaseModel]) -> tuple[tuple[str, str, Any], ...]:
    """The fields that can name uploads, their wire names, and their types; None for an id itself."""
    return tuple(
        (name, info.alias or name, None if _names_upload(info) else info.annotation)
        for name, info in model.model_fields.items()
        if _names_upload(info) or holds_uploads(info.annotation)
    )


def _value(value: Any, kind: Any, loc: Loc) -> Iterator[tuple[Loc, str]]:
    if isinstance(value, BaseModel):
        yield from _within(value, loc)
    elif isinstance(value, (list, tuple)):
        (of, *_) = get_args(_without_none(kind)) or (Any,)
        for at, item in enumerate(value):
            yield from _value(item, of, (*loc, at))
    elif isinstance(value, str) and _is_upload_id(kind):
        yield loc, value


def _is_upload_id(kind: Any) -> bool:
    kind = _without_none(kind)
    return get_origin(kind) is Annotated and UPLOAD in get_args(kind)[1:]


def _without_none(kind: Any) -> Any:
    """`X` of `X | None`."""
    if get_origin(kind) in (Union, UnionType):
        parts = [part for part in get_args(kind) if part is not type(None)]
        return parts[0] if len(parts) == 1 else kind
    return kind
