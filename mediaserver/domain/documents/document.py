"""The base of stored documents: one class gives the fields, their names in MongoDB and on the wire, and indexes.

Documents are not changed in place: `model_copy(update=…)` makes the next version, a repository stores it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, ClassVar, Final, Literal, LiteralString, Self, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from mediaserver.base.clock import rfc3339
from mediaserver.base.faults import form
from mediaserver.base.ids import ID_PATTERN, ID_WORDS
from mediaserver.domain.documents.moments import MOMENT_PATTERN, moment
from mediaserver.domain.documents.policy import Policy
from mediaserver.domain.text.search_terms import terms
from mediaserver.domain.text.text import STORED

Moment = Annotated[
    datetime,
    PlainValidator(moment),
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": MOMENT_PATTERN}),
]
"""A point in time: aware, UTC, milliseconds. A date without a zone is refused."""

Id = Annotated[str, form(ID_PATTERN, ID_WORDS)]
"""What may be the id of a document."""


def broken_rule(sentence: LiteralString) -> PydanticCustomError:
    """What a validator of several fields together raises: JSON Schema cannot say such a rule."""
    return PydanticCustomError(RULE, sentence)


RULE = "rule"

COMPONENT: Final = "x-component"
"""In the `json_schema_extra` of a union: the name that it has in the API's description."""


@dataclass(frozen=True, slots=True)
class _Upload:
    """Marks a field that names an upload."""


UPLOAD = _Upload()
UploadId = Annotated[Id, UPLOAD]
"""The id of an upload: bodies give it, answers have the upload itself in its place."""

OnDelete = Literal["cascade", "refuse", "clear", "keep"]


@dataclass(frozen=True, slots=True)
class Reference:
    """`field` (Python's name) holds the id of a document of the collection `to`, or None, or a list of such ids.
    It is dotted where it stands in a part, or in each of a list of parts.

    When that one is deleted, this one goes with it (`cascade`), forbids it (`refuse`), forgets it (`clear`) or
    stays as it is (`keep`: people's contributions show "deleted user"). What stands in parts is kept. `shown` is
    the name under which answers have a summary of it beside the id.
    """

    field: str
    to: str
    on_delete: OnDelete
    shown: str | None = None
    remedy: str = "delete that first"
    """Of one that forbids deletion: what can be done about it."""

    def __post_init__(self) -> None:
        assert self.on_delete == "keep" or "." not in self.field, "nothing else is done in parts"

    @property
    def stored(self) -> str:
        return ".".join(map(to_camel, self.field.split(".")))

    @property
    def within(self) -> tuple[str, ...]:
        """The fields that lead to the part that it stands in: none where that is the document."""
        return tuple(self.field.split(".")[:-1])

    @property
    def name(self) -> str:
        """Of the field in its part."""
        return self.field.split(".")[-1]

    def ids(self, document: "Document") -> list[str]:
        """Of the documents that this one names."""
        return [id for part in parts(document, self.within) for id in ids_in(part, self.name)]

    def many(self, document: "type[Document]") -> bool:
        """Whether it is a list of ids."""
        return not self.within and get_origin(document.model_fields[self.field].annotation) is list


def parts(value: Any, path: Sequence[str]) -> list[Any]:
    """What a path of fields leads to, through lists: in their order, without what is not there."""
    if value is None:
        return []
    if isinstance(value, list):
        return [part for one in value for part in parts(one, path)]
    if not path:
        return [value]
    further = value.get(path[0]) if isinstance(value, dict) else getattr(value, path[0])
    return parts(further, path[1:])


def ids_in(part: Any, name: str) -> list[str]:
    """The ids that a field holds: none, one or many."""
    named = getattr(part, name)
    return [] if named is None else [named] if isinstance(named, str) else list(named)


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
    version: int = 1
    """Grows when the definition changes: the new index, with a name of its own, is made beside the old one, which
    is named in `retired_indexes` and dropped after that. So there is always one of them."""

    @property
    def fields(self) -> tuple[tuple[str, int], ...]:
        pairs = ((key, 1) if isinstance(key, str) else key for key in self.keys)
        return tuple((".".join(map(to_camel, name.split("."))), direction) for name, direction in pairs)

    @property
    def name(self) -> str:
        """MongoDB's own way of naming, `userId_1_createdAt_-1`, with `_v2` and so on after later versions."""
        pattern = "_".join(f"{field}_{direction}" for field, direction in self.fields)
        return pattern if self.version == 1 else f"{pattern}_v{self.version}"


SEARCH_TERMS: Final = "searchTerms"
"""The stored field with the terms of what is searched. It is no field of any class."""
SEARCH_INDEX: Final = Index((SEARCH_TERMS, "_id"))


class Value(BaseModel):
    """A part of a document without an identity of its own."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
    )


class Document(Value):
    """What is stored under an id. Subclasses name their `collection` and declare their `indexes`.

    `Field(exclude=True)` keeps a field (a password's hash) from the wire; it is stored all the same.
    """

    collection: ClassVar[str]
    indexes: ClassVar[tuple[Index, ...]] = ()
    policy: ClassVar[Policy]
    references: ClassVar[tuple[Reference, ...]] = ()
    owned_by: ClassVar[str | None] = None
    """The field with the id of whose it is: a plain create fills it with who asks, and the uploads that it shows
    must be theirs."""
    searched: ClassVar[tuple[str, ...]] = ()
    """Fields that a search looks at, dotted where they are parts. Their terms are stored in `SEARCH_TERMS`."""
    summary: ClassVar[tuple[str, ...]] = ()
    """Fields that others show of it, beside the id."""
    retired_indexes: ClassVar[tuple[str, ...]] = ()
    """Names of indexes of earlier versions, which are dropped once those that are declared exist."""

    id: str
    created_at: Moment
    updated_at: Moment
    revision: int = Field(default=0, exclude=True)
    """Grows with each edit; counters and the like leave it as it is."""

    @classmethod
    def all_indexes(cls) -> tuple[Index, ...]:
        return (*cls.indexes, SEARCH_INDEX) if cls.searched else cls.indexes

    @classmethod
    def derived(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Further fields (a folded name) that follow from these, which are about to be stored."""
        return {}

    @classmethod
    def search_terms_of(cls, stored: Mapping[str, Any]) -> list[str]:
        """The terms by which a stored document is found."""
        paths = [list(map(to_camel, name.split("."))) for name in cls.searched]
        return terms(text for path in paths for text in parts(dict(stored), path) if isinstance(text, str))

    def search_terms(self) -> dict[str, list[str]]:
        """The stored field with the terms by which it is found; none where the class is not searched."""
        if not self.searched:
            return {}
        return {SEARCH_TERMS: terms(text for name in self.searched for text in parts(self, name.split(".")))}

    @classmethod
    def searches_any_of(cls, names: Iterable[str]) -> bool:
        """Whether what is searched changes with one of these fields."""
        return not {name.split(".")[0] for name in cls.searched}.isdisjoint(names)

    def to_mongo(self) -> dict[str, Any]:
        """The stored form: `_id`, camelCase names, native UTC datetimes; the terms of what is searched."""
        stored = to_stored(self)
        return {"_id": stored.pop("id"), **stored, **self.search_terms()}

    @classmethod
    def from_mongo(cls, stored: Mapping[str, Any]) -> Self:
        """The document of a stored form. Fields that only another version knows are ignored, in parts as well."""
        fields = dict(stored)
        fields["id"] = fields.pop("_id")
        fields.pop(SEARCH_TERMS, None)
        return cls.model_validate(fields, extra="ignore", context=STORED)

    def to_wire(self) -> dict[str, Any]:
        """The form for clients: camelCase names, JSON types, RFC 3339 times with milliseconds."""
        return self.model_dump(mode="json", by_alias=True)


class Consequential(Document):
    """A document whose coming and going has consequences in others: counters, notifications, what hangs on it.

    It is stored unsettled, then each consequence is brought about by a step that may be repeated, then it is
    settled. To be removed it is marked `gone` first: no reader finds it from then on. Whatever is cut off in
    between is found by `settled` and finished (`usecases/writes/settling.py`).
    """

    settled: bool = Field(default=False, exclude=True)
    gone: bool = Field(default=False, exclude=True)

    @classmethod
    def all_indexes(cls) -> tuple[Index, ...]:
        return (*super().all_indexes(), Index(("settled", "updated_at"), partial={"settled": False}))


class Counted(Consequential):
    """A document with counters. `marks` names adjustments that may be under way, so that each counts once."""

    marks: list[str] = Field(default_factory=list, exclude=True)


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
