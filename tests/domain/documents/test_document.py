"""A document has one form in memory, one in MongoDB and one on the wire."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar

import pytest
from pydantic import Field, ValidationError

from mediaserver.domain.documents.document import Document, Index, Moment, Value

NOON = datetime(2026, 1, 2, 12, 0, 0, 678000, tzinfo=UTC)


class Link(Value):
    page_url: str
    seen_at: Moment | None = None


class Note(Document):
    collection: ClassVar[str] = "notes"
    indexes = (Index(("user_id", ("createdAt", -1))),)

    user_id: str
    key_hash: str = Field(default="h", exclude=True)
    links: list[Link] = Field(default_factory=list)


def note(**changes: Any) -> Note:
    fields: dict[str, Any] = {"id": "n1", "created_at": NOON, "updated_at": NOON, "user_id": "u1"}
    return Note(**fields | changes)


def test_the_stored_form_has_its_id_and_native_times() -> None:
    stored = note(links=[Link(page_url="/a", seen_at=NOON)]).to_mongo()
    assert stored == {
        "_id": "n1",
        "createdAt": NOON,
        "updatedAt": NOON,
        "userId": "u1",
        "keyHash": "h",
        "revision": 0,
        "links": [{"pageUrl": "/a", "seenAt": NOON}],
    }
    assert next(iter(stored)) == "_id"
    assert Note.from_mongo(stored) == note(links=[Link(page_url="/a", seen_at=NOON)])


def test_the_wire_form_is_json() -> None:
    wire = note(links=[Link(page_url="/a", seen_at=NOON)]).to_wire()
    assert json.loads(json.dumps(wire)) == {
        "id": "n1",
        "createdAt": "2026-01-02T12:00:00.678Z",
        "updatedAt": "2026-01-02T12:00:00.678Z",
        "userId": "u1",
        "links": [{"pageUrl": "/a", "seenAt": "2026-01-02T12:00:00.678Z"}],
    }


def test_times_become_utc_milliseconds() -> None:
    local = datetime(2026, 1, 2, 13, 0, 0, 678999, tzinfo=timezone(timedelta(hours=1)))
    made = note(created_at=local)
    assert made.created_at == NOON
    assert made.created_at.tzinfo is UTC
    with pytest.raises(ValidationError):
        note(created_at=datetime(2026, 1, 2))


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="extra"):
        note(colour="red")


def test_stored_fields_of_a_newer_version_are_passed_over() -> None:
    assert Note.from_mongo({**note().to_mongo(), "colour": "red"}) == note()


def test_an_id_is_never_made_up() -> None:
    with pytest.raises(ValidationError, match="id"):
        Note.model_validate({"createdAt": NOON, "updatedAt": NOON, "userId": "u1"})


def test_an_index_is_named_after_its_keys() -> None:
    assert Note.indexes[0].name == "userId_1_createdAt_-1"
    assert Note.indexes[0].fields == (("userId", 1), ("createdAt", -1))
    assert Index(("email",), unique=True).name == "email_1"
