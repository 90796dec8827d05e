"""Documents: stored and read back they are the same; the wire shows no secret."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from mediaserver.domain.accounts.users import Email, Login, NewEmail, Profile, User, Username
from mediaserver.domain.documents.document import Document
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.domain.sessions.chat_messages import fits
from mediaserver.domain.sessions.participants import Participant
from mediaserver.domain.sessions.recordings import RecordedTrack, Recording
from mediaserver.domain.sessions.sessions import Session, faults

APART = {("idempotent_requests", "user_id"), ("comments", "tweet_user_id")}
"""Kept a day; and a copy of what the tweet says, with which it goes."""
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAMP: Any = {"id": "1", "created_at": NOW, "updated_at": NOW}


def user() -> User:
    return User(
        **STAMP,
        username="Ada",
        username_folded="ada",
        email="ada@example.org",
        email_folded="ada@example.org",
        password_hash="$argon2id$secret",
        join_date=NOW,
        profile=Profile(links=["https://example.org/ada"]),
    )


def recording() -> Recording:
    track = RecordedTrack(
        participant_id="p", user_id="u", source="camera", object_key="k", content_type="v", size=1, duration=2.5
    )
    return Recording(
        **STAMP,
        session_kind="video",
        session_id="s",
        moderator_user_id="u",
        started_by_user_id="u",
        start_time=NOW,
        tracks=[track],
        duration=2.5,
    )


def fields_of(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Of its parts as well, dotted."""
    for name, info in model.model_fields.items():
        yield ".".join((*path, name))
        for part in models_in(info.annotation):
            yield from fields_of(part, (*path, name))


def models_in(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in get_args(kind):
        yield from models_in(part)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.collection)
def test_whatever_names_a_person_is_declared(document: type[Document]) -> None:
    naming = {field for field in fields_of(document) if field.endswith("user_id")}
    apart = {field for collection, field in APART if collection == document.collection}
    assert naming - apart <= {reference.field for reference in document.references if reference.to == "users"}


def test_stored_and_read_back_they_are_the_same() -> None:
    for document in (user(), recording()):
        assert type(document).from_mongo(document.to_mongo()) == document


def test_the_wire_shows_no_secret() -> None:
    assert not {"passwordHash", "usernameFolded", "emailFolded"} & set(user().to_wire())
    wire = recording().to_wire()
    assert "objectKey" not in wire and "objectKey" not in wire["tracks"][0]
    assert (wire["duration"], wire["tracks"][0]["offset"]) == (2.5, 0.0)


@pytest.mark.parametrize("name", ["ab", "a" * 33, "a b", "a@b", ".ada", "a\x00da", "-ada", "a/b"])
def test_wrong_usernames(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Username).validate_python(name)


@pytest.mark.parametrize("address", ["", "a", "a@b", "a b@c.de", "@c.de", "a@@c.de", "a@c.de\x00"])
def test_wrong_addresses(address: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Email).validate_python(address)


@pytest.mark.parametrize(
    "address", ["<a@b.cd>", "a,b@c.de", "a@b..c", "a..b@c.de", "\u202ea@b.cd", "ü@ö.de", "a@-b.cd", 'a"b@c.de']
)
def test_addresses_to_which_nobody_can_write(address: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(NewEmail).validate_python(address)


@pytest.mark.parametrize("address", ["Ada.Lovelace+x@mail.example.org", "o'hara@example.co.uk", "a@b.cd"])
def test_addresses_to_which_one_can_write(address: str) -> None:
    assert TypeAdapter(NewEmail).validate_python(address) == address


@pytest.mark.parametrize("link", ["javascript:alert(1)", "ftp://example.org", "example.org", "https://"])
def test_links_are_web_addresses(link: str) -> None:
    with pytest.raises(ValidationError):
        Profile(links=[link])


def test_a_login_lives_until_it_expires_or_is_revoked() -> None:
    later = NOW + timedelta(hours=1)
    person = user().model_copy(update={"id": "u"})
    login = Login(**STAMP, user_id="u", token_hash="h", last_used_at=NOW, expires_at=later)
    assert login.alive(person, NOW) and not login.alive(person, later)
    assert not login.model_copy(update={"revoked_at": NOW}).alive(person, NOW)
    assert not login.alive(person.model_copy(update={"login_epoch": 1}), NOW)


def test_a_stay_runs_while_nobody_has_left() -> None:
    guest = Participant(**STAMP, session_kind="live", session_id="s", user_id="u", joined_at=NOW)
    assert guest.stay_s(NOW + timedelta(seconds=5)) == 5
    assert guest.stay_s(NOW - timedelta(seconds=5)) == 0
    assert guest.model_copy(update={"left_at": NOW}).stay_s(NOW + timedelta(seconds=5)) == 0


def test_what_is_wrong_with_a_session() -> None:
    session = Session(**STAMP, kind="video", title="x", moderator_user_id="u")
    assert faults(session) == []
    wrong = session.model_copy(update={"start_time": NOW, "end_time": NOW})
    assert [fault.loc for fault in faults(wrong)] == ["endTime"]


def test_an_upload_fits_the_type_it_is_of_and_any_file() -> None:
    assert fits("Image", "image/png") and fits("File", "image/png") and fits("Audio", "audio/ogg")
    assert not fits("Image", "video/mp4") and not fits("Video", "application/pdf")
