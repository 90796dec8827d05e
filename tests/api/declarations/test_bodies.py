"""Every fault of every body and query is told in plain words."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from mediaserver.api import declared
from mediaserver.api.declarations import bodies
from mediaserver.api.declarations.bodies import SMALL_BODY
from mediaserver.base.errors import Invalid
from mediaserver.base.faults import ANY_FORM
from tests.api.conftest import Client, bearer
from tests.usecases import school
from tests.usecases.world import World

_JARGON = re.compile(
    r"\b(should|input|validation|items|string|pattern|discriminator|dictionary|tuple|valid)\b", re.I
)
_WRONG: tuple[Any, ...] = (
    None, True, -1, 10**15, 1.5, "", "x", "\x00", "x " * 60_000, [], [0], ["x", "x"], ["\x00"] * 200, {},
    [{}], [{"type": "x"}], [{"type": "text"}], [{"type": "quiz", "value": {}}], {"type": "code", "value": 1},
    {"text": 1, "media": 1}, {"text": "x" * 5000, "media": ["x"] * 9}, {"links": ["x"], "bio": 1}, {"a": 1},
)  # fmt: skip


def models() -> Iterator[tuple[type[BaseModel], Sequence[Any]]]:
    """And what is wrong for each; a query says no null."""
    for endpoint in declared():
        for body in filter(None, (endpoint.accepts.body, endpoint.accepts.patch)):
            yield body, _WRONG
        if endpoint.accepts.query:
            yield endpoint.accepts.query, _WRONG[1:]


def test_no_fault_speaks_of_how_it_was_found() -> None:
    told: set[str] = set()
    for model, wrongs in models():
        for name, info in model.model_fields.items():
            for wrong in wrongs:
                try:
                    bodies.validate(model, {info.alias or name: wrong})
                except Invalid as invalid:
                    told |= {fault.msg for fault in invalid.errors}
    assert len(told) > 30
    assert [said for said in sorted(told) if _JARGON.search(said) or ANY_FORM in said] == []


@pytest.fixture
async def ada(world: World) -> dict[str, str]:
    return bearer(await world.token("ada", "instructor"))


async def fault(client: Client, method: str, path: str, who: dict[str, str], body: Any = None) -> Any:
    async with client.request(method, f"/api/v1{path}", headers=who, json=body) as answer:
        assert answer.status >= 400
        return await answer.json()


async def test_a_password_that_is_too_short_is_told_in_characters(client: Client) -> None:
    body = {"username": "a b", "email": "x", "password": "x"}
    told = await fault(client, "POST", "/auth/register", {}, body)
    assert {one["loc"]: one["msg"] for one in told["errors"]} == {
        "username": "may have letters, digits, `_`, `.` and `-`, and must not begin with `.` or `-`",
        "email": "must be an email address such as ada@example.org",
        "password": "must have at least 8 characters",
    }


async def test_what_is_not_there_is_called_by_its_name(client: Client, world: World, ada: dict[str, str]) -> None:
    nothing = "0" * 26
    for path, name in {
        f"/video-sessions/{nothing}": "session",
        f"/clips/{nothing}": "video clip",
        f"/messages/{nothing}": "direct message",
        f"/lessons/{nothing}/clips": "lesson",
    }.items():
        assert (await fault(client, "GET", path, ada))["detail"] == f"there is no such {name}"


async def test_who_enrolls_twice_is_told_so_and_no_field_that_nobody_can_give(
    client: Client, world: World, ada: dict[str, str]
) -> None:
    teacher = await world.person("teacher", "instructor")
    course = await school.course(world, teacher)
    async with client.post("/api/v1/enrollments", json={"courseId": course.id}, headers=ada) as first:
        assert first.status == 201
    told = await fault(client, "POST", "/enrollments", ada, {"courseId": course.id})
    assert (told["code"], told["detail"]) == ("enrollment_exists", "you are enrolled in this course already")
    assert told["errors"] == []


async def test_who_teaches_is_told_what_must_happen_before_they_go(client: Client, world: World) -> None:
    teacher = await world.person("teacher", "instructor")
    await school.course(world, teacher)
    headers = bearer(world.ctx.tokens.issue(teacher, world.clock.now))
    told = await fault(client, "DELETE", f"/users/{teacher.user_id}", headers)
    assert told["detail"] == (
        "a course still refers to it: an admin gives it to another instructor, or it is deleted first"
    )


async def test_a_block_of_no_type_is_told_which_types_there_are(client: Client, world: World) -> None:
    teacher = await world.person("teacher", "instructor")
    level = await school.level(world, teacher, await school.course(world, teacher))
    headers = bearer(world.ctx.tokens.issue(teacher, world.clock.now))
    body = {"title": "x", "content": [{"value": "x"}, {"type": "film", "value": "x"}]}
    told = await fault(client, "POST", f"/levels/{level.id}/lessons", headers, body)
    assert [one["loc"] for one in told["errors"]] == ["content.0", "content.1"]
    assert told["errors"][0]["msg"] == "needs type, which says what it is"
    assert told["errors"][1]["msg"].startswith("type must be one of text, markdown, image")


def test_bodies_of_strangers_and_of_all_under_auth_are_small() -> None:
    taking = [
        one
        for one in declared()
        if one.accepts.body is not None and (one.public or one.path.startswith("/auth/"))
    ]
    assert len(taking) >= 10
    assert {one.path: one.accepts.max_body_bytes for one in taking} == {one.path: SMALL_BODY for one in taking}
