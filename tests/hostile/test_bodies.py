"""JSON bodies and queries that are made to take long."""

import json

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import MultiDict

from mediaserver.api.declarations.bodies import (
    _RAW,
    MAX_VALUES,
    parse_body,
    parse_object,
    parse_query,
    validate,
)
from mediaserver.api.declarations.pagination import PageQuery
from mediaserver.api.declarations.shapes import derived_model, patched
from mediaserver.base.errors import BadRequest, Invalid, Problem
from mediaserver.base.json_values import has_more_values
from mediaserver.domain.accounts.users import User
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.lessons import Lesson
from tests.hostile.cost import assert_quick, assert_quick_async

SIZE = 1 << 20
"""The largest body that is taken."""
LESSON = derived_model("HostileLesson", Lesson, ("title", "content"))
USER = derived_model("HostileUser", User, ("profile", "skills"))
COURSE = derived_model("HostileCourse", Course, ("title", "description"))


def filled(head: bytes, one: bytes, tail: bytes) -> bytes:
    """A body of just under a megabyte."""
    return head + one * ((SIZE - len(head) - len(tail)) // len(one)) + tail


def of_values(one: object, values_each: int) -> bytes:
    """Blocks, so many that the body has just as many values as are taken."""
    return json.dumps({"content": [one] * ((MAX_VALUES - 10) // (values_each + 1))}).encode()


QUIZ = {"question": "q", "options": ["a"] * 10, "answer": list(range(10)), "explanation": "e"}
HOSTILE = {
    "numbers": filled(b'{"content":[', b"1,", b"1]}"),
    "lists": filled(b'{"content":[', b"[],", b"1]}"),
    "objects": filled(b'{"content":[', b"{},", b"1]}"),
    "strings": filled(b'{"content":[', b'"",', b"1]}"),
    "names": filled(b"{", b'"a":1,', b'"b":1}'),
    "nesting": b'{"content":' + b"[" * 500_000 + b"]" * 500_000 + b"}",
    "nested objects": b'{"content":' + b'{"a":' * 150_000 + b"1" + b"}" * 150_000 + b"}",
    "a huge number": filled(b'{"title":', b"9", b"}"),
    "a huge fraction": filled(b'{"title":0.', b"9", b"}"),
    "a huge exponent": filled(b'{"title":1e', b"9", b"}"),
    "escapes": filled(b'{"title":"', b"\\u0301", b'"}'),
    "half characters": filled(b'{"title":"', b"\\ud800", b'"}'),
    "quotes": b'"' * SIZE,
    "escaped quotes": filled(b'{"title":"', b'\\"', b'"}'),
    "backslashes": filled(b'{"title":"', b"\\\\", b'"}'),
    "spaces": b" " * (SIZE - 2) + b"{}",
    "no end": filled(b'{"title":"', b"x", b""),
    "combining marks": filled(b'{"title":"', "\u0301\u0316".encode(), b'"}'),
    "unknown fields": json.dumps({f"k{n}": 1 for n in range(MAX_VALUES - 10)}).encode(),
    "unknown fields in blocks": of_values({"type": "text", "value": "x", **{f"k{n}": 1 for n in range(28)}}, 30),
    "wrong types": of_values({"type": "x"}, 2),
    "no objects": of_values(1, 0),
    "answers that are no numbers": of_values({"type": "quiz", "value": {**QUIZ, "answer": ["x"] * 10}}, 28),
    "answers of another kind": of_values({"type": "quiz", "value": {**QUIZ, "answer": [[]] * 10}}, 38),
    "half characters in blocks": of_values({"type": "text", "value": "\ud800"}, 3),
    "links": json.dumps(
        {"content": [{"type": "link", "value": {"url": "http://" + "a." * 2000 + "!"}}] * 200}
    ).encode(),
    "long texts": json.dumps({"content": [{"type": "markdown", "value": " \t\r\n" * 12_000}] * 12}).encode(),
    "padding": json.dumps({"title": "\u3000" * 300_000 + "x" + "\u3000" * 20_000}, ensure_ascii=False).encode(),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_body_holds_up_the_event_loop_only_briefly(name: str) -> None:
    raw = HOSTILE[name]
    assert len(raw) <= SIZE

    async def parse() -> None:
        request = make_mocked_request("POST", "/lessons", {"Content-Type": "application/json"})
        request[_RAW] = raw
        await parse_body(LESSON, request)

    await assert_quick_async(parse)
    # In a thread each single step still keeps the interpreter to itself.
    assert_quick(lambda: parse_object(raw))


@pytest.mark.parametrize("name", HOSTILE)
def test_so_does_a_merge_patch(name: str) -> None:
    """The body is parsed before the document is loaded, and merged into it after that."""
    lesson = Lesson.model_construct(title="Algebra", content=[], id="1", revision=1)
    try:
        patch = parse_object(HOSTILE[name])
    except Problem:
        return
    assert_quick(lambda: patched(LESSON, lesson, patch))


def test_lists_that_name_something_twice() -> None:
    skills = {"skills": ["0" * 26] * 5000}
    assert_quick(lambda: validate(USER, skills))


def test_the_largest_lessons_are_taken() -> None:
    quizzes = {"title": "t", "content": [{"type": "quiz", "value": QUIZ}] * 200}
    assert len(validate(LESSON, parse_object(json.dumps(quizzes).encode())).content) == 200  # type: ignore[attr-defined]
    code = {"type": "code", "value": {"source": '{"a": [1, 2, "b\\\\"], "c": {}},\n' * 1500}}
    prose = {"type": "text", "value": "Is it, or is it not? [sic]" * 1900}
    long = {"title": "t", "content": [code, prose] * 10}
    assert len(validate(LESSON, parse_object(json.dumps(long).encode())).content) == 20  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b"{}", 1),
        (b'{"a": 1, "b": [1, 2, {}]}', 6),
        (rb'{"a": "[,\",{\\", "b": "\\\\\","}', 2),
        (b'["[,,,,", "{"]', 2),
    ],
)
def test_values_are_counted_outside_of_strings(text: bytes, values: int) -> None:
    assert not has_more_values(text, values)
    assert has_more_values(text, values - 1)


def test_a_body_of_too_many_values_is_refused_with_the_reason() -> None:
    with pytest.raises(BadRequest, match="more than 6,000 values"):
        parse_object(HOSTILE["numbers"])


def test_a_body_of_too_many_faults_is_refused_as_a_whole() -> None:
    with pytest.raises(Invalid) as caught:
        validate(LESSON, parse_object(HOSTILE["unknown fields"]))
    assert [fault.msg for fault in caught.value.errors] == ["has more than 500 errors"]


@pytest.mark.parametrize(
    "query",
    [
        MultiDict((str(n), "") for n in range(2000)),
        MultiDict(("a", "") for _ in range(4000)),
        MultiDict({"cursor": "A" * 8000}),
        MultiDict({"cursor": "é" * 4000, "limit": "9" * 4000}),
    ],
    ids=["names", "one name", "a long cursor", "no cursor"],
)
def test_a_query_holds_up_the_event_loop_only_briefly(query: MultiDict[str]) -> None:
    assert_quick(lambda: parse_query(PageQuery, query))
