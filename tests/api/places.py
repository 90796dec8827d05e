"""Where a body holds ids of other documents: found by the types of its fields, at any depth.

A new resource is found by its declaration. What no type tells (what an id without a `Reference` leads to) stands
in the tables here.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from mediaserver.base.ids import ID_PATTERN
from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.document import UPLOAD, Document
from mediaserver.domain.learning.clips import VideoClip
from mediaserver.domain.learning.content_blocks import MEDIA_CLASSES
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.domain.sessions.chat_messages import ContentType

Loc = tuple[str | int, ...]
Fields = dict[str, Any]

_LEADS_TO: Final = {"profile_image": "uploads", "value": "clips"}
"""What names do not tell. Of blocks' values only clips are ids of no upload."""
_SHOWS: Final[Mapping[tuple[type[Document] | None, str], ContentType]] = {
    (User, "profile_image"): "Image",
    (VideoClip, "upload"): "Video",
}
_SAID_BY: Final = {"content": "content_type", "target_id": "target_kind"}
"""Fields of which another one says what they are."""


@dataclass(frozen=True, slots=True)
class Place:
    """A value in a body that is the id of a document of the collection `to`."""

    loc: Loc
    to: str
    shows: ContentType | None = None
    """What an upload must be to stand there; None: it may be any, or it is no upload."""
    nullable: bool = False
    among_words: bool = False
    """Other bodies have text there: that it is no id is seen only where it is looked up."""
    beside: tuple[tuple[Loc, str], ...] = ()
    """What must stand elsewhere for the id to mean this."""

    @property
    def name(self) -> str:
        """As refusals have it."""
        return ".".join(map(str, self.loc))


Places = list[Place]
"""That can all be filled in one body."""


def places(model: type[BaseModel], document: type[Document] | None = None) -> list[Places]:
    """Several where a part of the body is one thing or another; none where it names nothing.

    `document` is what the body is of, where it is of one.
    """
    return [one for one in _Walk(document).of_model(model, ()) if one]


def filled(body: Fields, values: Mapping[Place, Any]) -> Fields:
    """`body` with these values, and with what must stand beside them."""
    made = deepcopy(body)
    for place, value in values.items():
        for loc, said in (*place.beside, (place.loc, value)):
            _put(made, loc, said)
    return made


def held(body: Any, place: Place) -> Any:
    """What a body has in a place; None where it means something else there."""
    return _at(body, place.loc) if all(_at(body, loc) == said for loc, said in place.beside) else None


class _Walk:
    """Over the types of one body. Each step gives the alternatives."""

    def __init__(self, document: type[Document] | None) -> None:
        self._document = document

    def of_model(self, model: type[BaseModel], at: Loc) -> list[Places]:
        found: list[Places] = [[]]
        beside = tuple(
            ((*at, info.alias or name), str(word))
            for name, info in model.model_fields.items()
            if get_origin(info.annotation) is Literal and len(get_args(info.annotation)) == 1
            for word in get_args(info.annotation)
        )
        for name, info in model.model_fields.items():
            loc = (*at, info.alias or name)
            if (says := _SAID_BY.get(name)) and says in model.model_fields:
                inner = self._said(model, name, at)
            else:
                inner = self.of_kind(info.annotation, info.metadata, loc, name)
            if any(inner):
                found = [[*one, *more] for one in found for more in inner if more]
        return [[_as_block(place, beside) for place in one] for one in found]

    def of_kind(self, kind: Any, marks: Sequence[Any], loc: Loc, name: str) -> list[Places]:
        origin, parts = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self.of_kind(parts[0], [*parts[1:], *marks], loc, name)
        if any(getattr(mark, "pattern", None) == ID_PATTERN for mark in marks) and kind is str:
            return [[Place(loc, self._collection(name, marks), _SHOWS.get((self._document, name)))]]
        if origin in (Union, UnionType):
            some = [part for part in parts if part is not type(None)]
            found = [one for part in some for one in self.of_kind(part, marks, loc, name)]
            return [[replace(p, nullable=type(None) in parts) for p in one] for one in found]
        if origin is list:
            return self._of_list(parts[0], loc, name)
        return self.of_model(kind, loc) if isinstance(kind, type) and issubclass(kind, BaseModel) else [[]]

    def _of_list(self, kind: Any, loc: Loc, name: str) -> list[Places]:
        """One item of each alternative, and never only one: refusals say which it is."""

        def item(at: int) -> list[Places]:
            return [one for one in self.of_kind(kind, (), (*loc, at), name) if one]

        many = len(item(0))
        found = [place for at in range(max(many, 2)) for place in item(at)[at % many]] if many else []
        return [found]

    def _said(self, model: type[BaseModel], name: str, at: Loc) -> list[Places]:
        says, own = model.model_fields[_SAID_BY[name]], model.model_fields[name]
        found, words = [], get_args(says.annotation)
        for word in words:
            if word != "Text":
                beside = (((*at, says.alias or ""), word),)
                to, shows = self._meaning(name, word)
                place = Place((*at, own.alias or name), to, shows, beside=beside, among_words="Text" in words)
                found.append([place])
        return found

    def _meaning(self, name: str, word: Any) -> tuple[str, ContentType | None]:
        if name == "content":
            return "uploads", word
        assert self._document, "what is derived is derived by a document"
        (field,) = self._document.derived({_SAID_BY[name]: word, name: ""})
        return self._collection(field, ()), None

    def _collection(self, name: str, marks: Sequence[Any]) -> str:
        if UPLOAD in marks:
            return "uploads"
        referring = self._document.references if self._document else ()
        by_name = _LEADS_TO.get(name) or name.removesuffix("s").removesuffix("_id") + "s"
        found = next((one.to for one in referring if one.field == name), by_name)
        assert found in {kind.collection for kind in DOCUMENTS}, f"to what does {name} lead?"
        return found


def _as_block(place: Place, beside: tuple[tuple[Loc, str], ...]) -> Place:
    """In a block the type says what an upload must be."""
    said = [MEDIA_CLASSES[word] for _, word in beside if word in MEDIA_CLASSES]
    return replace(place, beside=(*beside, *place.beside), shows=said[0] if said else place.shows)


def _put(body: Any, loc: Loc, value: Any) -> None:
    for at, step in enumerate(loc):
        if isinstance(step, int):
            body += [None] * (step + 1 - len(body))
        if at == len(loc) - 1:
            body[step] = value
            return
        if (body.get(step) if isinstance(body, dict) else body[step]) is None:
            body[step] = [] if isinstance(loc[at + 1], int) else {}
        body = body[step]


def _at(body: Any, loc: Loc) -> Any:
    for step in loc:
        is_there = step in body if isinstance(body, dict) else isinstance(body, list) and step in range(len(body))
        if not is_there:
            return None
        body = body[step]
    return body
