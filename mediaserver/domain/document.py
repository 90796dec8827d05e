"""The base of stored documents: one class gives the fields, their names in MongoDB and on the wire, and indexes.

Documents are not changed in place: `model_copy(update=…)` makes the next version, a repository stores it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from mediaserver.base.clock import rfc3339


def _to_milliseconds(moment: datetime) -> datetime:
    """UTC, cut to what MongoDB keeps, so that a document equals its stored self."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


Moment = Annotated[AwareDatetime, AfterValidator(_to_milliseconds)]
"""A point in time: aware, UTC, milliseconds. A date without a zone is refused."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index of a collection: `Index(("user_id", ("created_at", -1)))`; a bare name ascends.

    Names become wire names; those in `partial` must be given so.
    """

    keys: tuple[str | tuple[str, int], ...]
    unique: bool = False
    sparse: bool = False
    partial: Mapping[str, Any] | None = None
    expire_after_s: int | None = None

    @property
    def fields(self) -> tuple[tuple[str, int], ...]:
        pairs = ((key, 1) if isinstance(key, str) else key for key in self.keys)
        return tuple((".".join(map(to_camel, name.split("."))), direction) for name, direction in pairs)

    @property
    def name(self) -> str:
        """MongoDB's own way of naming: `userId_1_createdAt_-1`."""
        return "_".join(f"{field}_{direction}" for field, direction in self.fields)


class Value(BaseModel):
    """A part of a document without an identity of its own."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Document(Value):
    """What is stored under an id. Subclasses name their `collection` and declare their `indexes`.

    `Field(exclude=True)` keeps a field (a password's hash) from the wire; it is stored all the same.
    """

    collection: ClassVar[str]
    indexes: ClassVar[tuple[Index, ...]] = ()

    id: str
    created_at: Moment
    updated_at: Moment

    def to_mongo(self) -> dict[str, Any]:
        """The stored form: `_id`, camelCase names, native UTC datetimes."""
        stored = to_stored(self)
        return {"_id": stored.pop("id"), **stored}

    @classmethod
    def from_mongo(cls, stored: Mapping[str, Any]) -> Self:
        return cls.model_validate({("id" if name == "_id" else name): value for name, value in stored.items()})

    def to_wire(self) -> dict[str, Any]:
        """The form for clients: camelCase names, JSON types, RFC 3339 times with milliseconds."""
        wire = _to_json(self.model_dump(by_alias=True))
        assert isinstance(wire, dict)
        return wire


def to_stored(value: Any) -> Any:
    """A field's value as it is stored."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return {field.alias or name: to_stored(getattr(value, name)) for name, field in fields.items()}
    if isinstance(value, dict):
        return {name: to_stored(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_stored(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, dict):
        return {name: _to_json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_to_json(item) for item in value]
    return value.value if isinstance(value, Enum) else value
