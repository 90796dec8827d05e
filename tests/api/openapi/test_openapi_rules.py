"""Rules that generated clients need, for every operation and schema there is: a new one must satisfy them too."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from mediaserver.api import description
from mediaserver.api.openapi.operation_names import operation_name
from mediaserver.api.openapi.portable_patterns import portable
from mediaserver.base.ids import ID_PATTERN
from mediaserver.domain.accounts.users import Username
from mediaserver.domain.notifications import Kind
from mediaserver.domain.sessions.chat_messages import AttachedType, ContentType
from mediaserver.domain.text.markup import Hashtag
from mediaserver.domain.text.text import WebAddress

Schema = dict[str, Any]
BODILESS = {"202", "204", "302", "304"}


def operations() -> Iterator[tuple[str, Schema]]:
    """`(method and path, operation)` of each."""
    for path, methods in description()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def parts(schema: Any, where: str = "#") -> Iterator[tuple[str, Schema]]:
    """Every object in the document with its place."""
    if isinstance(schema, dict):
        yield where, schema
        for key, one in schema.items():
            yield from parts(one, f"{where}/{key}")
    elif isinstance(schema, list):
        for index, one in enumerate(schema):
            yield from parts(one, f"{where}/{index}")


def test_operations_are_described() -> None:
    silent = [name for name, operation in operations() if not operation["description"]]
    assert not silent, f"give their handlers a docstring for those who call them: {silent}"
    unfinished = [name for name, operation in operations() if not operation["description"].endswith(".")]
    assert not unfinished, f"their descriptions are no sentences: {unfinished}"


def test_summaries_are_short_phrases() -> None:
    wrong = {
        name: operation["summary"]
        for name, operation in operations()
        if operation["summary"].endswith(".") or len(operation["summary"]) > 60
    }
    assert not wrong, f"a summary is a verb and what it is done to; the rest belongs in the docstring: {wrong}"


def test_operations_have_names_of_methods() -> None:
    wrong = {
        n: o["operationId"]
        for n, o in operations()
        if not re.fullmatch(r"[a-z]+([A-Z][a-z0-9]*)*", o["operationId"])
    }
    assert not wrong, f"give these endpoints a `name` such as listTweets: {wrong}"


@pytest.mark.parametrize(
    ("method", "path", "listed", "creates", "name"),
    [
        ("GET", "/tweets", True, False, "listTweets"),
        ("GET", "/video-sessions/{id}/messages/{messageId}", False, False, "getVideoSessionMessage"),
        ("POST", "/tweets/{id}/comments", False, True, "createTweetComment"),
        ("PATCH", "/live-sessions/{id}", False, False, "updateLiveSession"),
        ("DELETE", "/auth/logins/{id}", False, False, "deleteLogin"),
        ("POST", "/uploads/{id}/complete", False, False, "completeUpload"),
        ("PUT", "/levels/{id}/lessons/order", False, False, "orderLevelLessons"),
        ("PUT", "/courses/{id}/clips/{clipId}", False, False, "putCourseClip"),
        ("POST", "/auth/logout-all", False, False, "logoutAll"),
    ],
)
def test_names_follow_from_method_and_path(
    method: str, path: str, listed: bool, creates: bool, name: str
) -> None:
    assert operation_name(method, path, listed, creates) == name


def test_every_response_has_a_schema() -> None:
    shared = description()["components"]["responses"]
    for name, operation in operations():
        for status, one in operation["responses"].items():
            response = shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one
            assert response["description"], (name, status)
            if status in BODILESS:
                assert "content" not in response, (name, status)
                continue
            content = response.get("content", {})
            assert content, (
                f"{name} {status} says nothing of its body: declare `answer`, `produces` or `bodiless`"
            )
            assert all("schema" in media for media in content.values()), (name, status)
            if int(status) >= 400 and (name, status) != ("GET /readyz", "503"):
                assert list(content) == ["application/problem+json"], (name, status)


def test_request_bodies_are_named_schemas() -> None:
    inline = [
        f"{name} {kind}"
        for name, operation in operations()
        for kind, media in operation.get("requestBody", {}).get("content", {}).items()
        if set(media["schema"]) != {"$ref"}
    ]
    assert not inline, f"generators make up names for inline bodies: {inline}"


def test_answers_are_named_schemas() -> None:
    inline = [
        f"{name} {status}"
        for name, operation in operations()
        for status, response in operation["responses"].items()
        for kind, media in response.get("content", {}).items()
        if kind == "application/json" and set(media["schema"]) != {"$ref"} and name != "GET /api/v1/openapi.json"
    ]
    assert not inline, f"generators make up names for inline answers: {inline}"


def test_no_object_is_described_inside_another_one() -> None:
    inline = [
        where
        for name, schema in description()["components"]["schemas"].items()
        for where, one in parts(schema, name)
        if where != name and "properties" in one and one.get("type") == "object"
    ]
    assert not inline, f"make models of these parts: {inline}"


def test_files_are_binary() -> None:
    document = description()
    form = document["components"]["schemas"]["UploadForm"]["properties"]["file"]
    assert (form["type"], form["format"]) == ("string", "binary")
    assert form["contentMediaType"] == "application/octet-stream"
    for path in ("/api/v1/users/{id}/export", "/files/{key}"):
        for status in {"200", "206"} & set(document["paths"][path]["get"]["responses"]):
            for media in document["paths"][path]["get"]["responses"][status]["content"].values():
                assert media["schema"]["format"] == "binary"


def test_unions_of_objects_have_a_discriminator() -> None:
    """Not those of one object and null. Their tag has other values in each member and names its component."""
    document = description()
    schemas = document["components"]["schemas"]
    found = 0
    for where, one in parts(document):
        options = one.get("oneOf") or one.get("anyOf") or ()
        if sum("$ref" in option for option in options) < 2:
            continue
        found += 1
        assert where.count("/") == 3, f"{where}: name this union, with COMPONENT or a RootModel"
        assert "discriminator" in one, f"{where}: give this union a discriminator"
        tag, mapping = one["discriminator"]["propertyName"], one["discriminator"]["mapping"]
        values: dict[str, str] = {}
        for option in options:
            member = schemas[option["$ref"].rpartition("/")[2]]
            assert tag in member["required"], (where, option)
            values |= dict.fromkeys(_values(member["properties"][tag], schemas), option["$ref"])
        assert values == mapping, where
        assert set(mapping.values()) == {option["$ref"] for option in options}
    assert found >= 8


def _values(schema: Schema, schemas: Schema) -> list[str]:
    if "$ref" in schema:
        return _values(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    return [schema["const"]] if "const" in schema else schema["enum"]


def test_notifications_of_every_kind_are_members_of_the_union() -> None:
    union = description()["components"]["schemas"]["NotificationContent"]
    assert set(union["discriminator"]["mapping"]) == set(get_args(Kind)), (
        "mediaserver/api/notifications/notification_views.py"
    )


def test_messages_of_every_content_type_are_members_of_the_union() -> None:
    schemas = description()["components"]["schemas"]
    for name in ("MessageView", "DirectMessageView"):
        assert set(schemas[name]["discriminator"]["mapping"]) == set(get_args(ContentType))
    assert {"Text", *get_args(AttachedType)} == set(get_args(ContentType))


def test_passwords_are_for_writing_only() -> None:
    schemas = description()["components"]["schemas"]
    for name, field in (("Register", "password"), ("ChangePassword", "currentPassword"), ("Login", "password")):
        assert schemas[name]["properties"][field]["writeOnly"], name
        assert schemas[name]["properties"][field]["format"] == "password"


def test_paths_that_look_alike_are_told_apart_by_their_ids() -> None:
    """`/courses/by-code/{courseCode}` and `/courses/{id}/levels`: no id is `by-code`."""
    paths = list(description()["paths"])
    for number, one in enumerate(paths):
        for other in paths[:number]:
            pairs = list(zip(one.split("/"), other.split("/"), strict=False))
            if one.count("/") != other.count("/") or not all(a == b or "{" in a + b for a, b in pairs):
                continue
            fixed = [b if "{" in a else a for a, b in pairs if ("{" in a) != ("{" in b)]
            assert any(not re.search(ID_PATTERN, segment) for segment in fixed), (one, other)


def test_patterns_use_nothing_that_only_some_engines_have() -> None:
    for where, one in parts(description()):
        if not isinstance(pattern := one.get("pattern"), str) or where.endswith("/properties"):
            continue
        re.compile(pattern)
        assert not re.search(r"\\[pP]\{|\\u\{|\(\?[^:]|\\[zZA]", pattern), f"{where}: {pattern}"
        assert all(ord(character) < 0x80 for character in pattern), f"{where}: escape what is not ASCII"


PORTABLE = [(one, TypeAdapter(one)) for one in (Username, Hashtag, WebAddress)]
WORDS = ["ada", "Ада", "علی‌رضا", "नमस्ते", "𐐷𐐷𐐷", "a.b-c", "_x_", "#école", "東京タワー", "a" * 32, "𝒜𝒷𝒸"]
WRONG = ["a b", "a\u3000b", "a\nb", "ada@x", "-ada", ".ada", "a!b", "a/b", "\u200b\x00"]


@pytest.mark.parametrize("text", [*WORDS, *WRONG, "https://💩.la/😀?q=ü", "http://foo/?bar=@bo", "ftp://x"])
def test_portable_patterns_accept_what_the_server_accepts(text: str) -> None:
    for kind, check in PORTABLE:
        assert not _accepted(check, text) or re.search(portable(_pattern(check)), text), (kind, text)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8))
def test_portable_patterns_accept_at_least_what_the_originals_accept(text: str) -> None:
    for kind, check in PORTABLE:
        assert not _accepted(check, text) or re.search(portable(_pattern(check)), text), (kind, text)


@pytest.mark.parametrize("text", ["a b", "a\u3000b", "a\nb", "ada@x", "-ada", ".ada", "a!b", "a/b"])
def test_portable_patterns_still_refuse_what_ascii_rules_out(text: str) -> None:
    assert not re.search(portable(_pattern(TypeAdapter(Username))), text)


@pytest.mark.parametrize(
    ("pattern", "accepted", "refused"),
    [
        (r"^\p{L}{2,3}$", ["ab", "éé", "𐐷𐐷"], ["a1", "a", "a b"]),
        (r"^[^\p{C}x]*$", ["abc", "é\x00"], ["x"]),
        (r"^[\p{Lu}\p{Nd}_.-]+$", ["A.B-1_", "Ж"], ["A B", "a!"]),
        ("^[a\U0001f600]+$", ["a\U0001f600"], ["b", "a "]),
        (r"^\p{L}\.\d{1,2}$", ["é.12"], ["éx12", "é.123"]),
        ("^[#＃]?é+$", ["＃é", "éé"], ["+é", "#"]),
    ],
)
def test_any_pattern_becomes_portable(pattern: str, accepted: list[str], refused: list[str]) -> None:
    plain = portable(pattern)
    assert all(re.search(plain, text) for text in accepted), plain
    assert not any(re.search(plain, text) for text in refused), plain


def test_patterns_of_names_say_in_words_what_they_leave_out() -> None:
    username = description()["components"]["schemas"]["Register"]["properties"]["username"]
    assert "digits" in username["description"]


def _pattern(check: TypeAdapter[str]) -> str:
    return str(check.json_schema()["pattern"])


def _accepted(check: TypeAdapter[str], text: str) -> bool:
    try:
        check.validate_python(text)
    except ValidationError:
        return False
    return True
