"""Assignments, submissions, clips and sessions of courses over REST."""

from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from mediaserver.base.clock import rfc3339
from mediaserver.base.ids import new_id
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.learning.submissions import Mark, Submission
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.learning import submissions
from mediaserver.usecases.writes import settling
from tests.api.conftest import Client, bearer
from tests.api.learning.test_courses import Headers, course, filled, send
from tests.usecases.world import World


class Class(NamedTuple):
    """ada teaches, bob takes her course, eve does neither."""

    ada: Headers
    bob: Headers
    eve: Headers
    course: Any
    lesson: Any


@pytest.fixture
async def taught(client: Client, world: World) -> Class:
    ada = bearer(await world.token("ada", "instructor"))
    bob, eve = bearer(await world.token("bob")), bearer(await world.token("eve"))
    made = await course(client, ada)
    (lesson,) = await filled(client, ada, made, 1, 1)
    await send(client, "POST", "/enrollments", bob, 201, courseId=made["id"])
    return Class(ada, bob, eve, made, lesson)


async def actor(world: World, headers: Headers) -> Actor:
    return await identity.authenticate(world.ctx, headers["Authorization"].removeprefix("Bearer "))


async def assignment(client: Client, world: World, taught: Class, **fields: Any) -> Any:
    given = {"title": "Prove it", "deadline": rfc3339(world.clock.now + timedelta(hours=1)), **fields}
    return await send(client, "POST", f"/lessons/{taught.lesson['id']}/assignments", taught.ada, 201, **given)


def text(value: str) -> dict[str, Any]:
    return {"content": {"type": "text", "value": value}}


async def test_one_hands_in_replaces_and_is_graded(client: Client, world: World, taught: Class) -> None:
    posted = await assignment(client, world, taught)
    path = f"/assignments/{posted['id']}/submissions"
    made = await send(client, "POST", path, taught.bob, 201, **text("QED"))
    assert (made["late"], made["deadline"], made["assignment"]["title"]) == (
        False,
        posted["deadline"],
        "Prove it",
    )
    again = await send(client, "POST", path, taught.bob, 409, **text("QED"))
    assert again["code"] == "already_submitted" and "PATCH /submissions" in again["detail"]
    own = f"/submissions/{made['id']}"
    assert (await send(client, "PATCH", own, taught.bob, 200, **text("better")))["content"]["value"] == "better"
    await send(client, "PUT", f"{own}/grade", taught.bob, 403, score=100)
    graded = await send(client, "PUT", f"{own}/grade", taught.ada, 200, score=87.5, feedback="Well argued.")
    assert (graded["grade"]["score"], graded["grade"]["feedback"]) == (87.5, "Well argued.")
    seen = await send(client, "GET", f"/assignments/{posted['id']}", taught.bob, 200)
    assert seen["submission"]["grade"]["score"] == 87.5
    world.clock.pass_s(1)
    assert (await send(client, "PATCH", own, taught.bob, 200, **text("best")))["grade"] is None
    mark = {"score": 95, "timestamp": graded["timestamp"]}
    assert (await send(client, "PUT", f"{own}/grade", taught.ada, 409, **mark))["code"] == "replaced"
    read = await send(client, "GET", own, taught.ada, 200)
    assert (read["content"]["value"], read["grade"]) == ("best", None)
    mark["timestamp"] = read["timestamp"]
    assert (await send(client, "PUT", f"{own}/grade", taught.ada, 200, **mark))["grade"]["score"] == 95
    assert (await send(client, "GET", f"/assignments/{posted['id']}", taught.ada, 200))["submission"] is None


async def test_a_grade_says_who_gave_it_also_when_they_are_gone(
    client: Client, world: World, taught: Class
) -> None:
    posted = await assignment(client, world, taught)
    made = await send(client, "POST", f"/assignments/{posted['id']}/submissions", taught.bob, 201, **text("QED"))
    root = await world.person("root", "admin")
    own = f"/submissions/{made['id']}"
    marked = await submissions.grade(
        world.ctx, root, await world.ctx.of(Submission).get(made["id"]), Mark(score=50)
    )
    assert marked.grade is not None

    async def grades() -> list[dict[str, Any]]:
        read = await send(client, "GET", own, taught.bob, 200)
        of = await send(client, "GET", f"/assignments/{posted['id']}", taught.bob, 200)
        return [read["grade"], of["submission"]["grade"]]

    assert [one["gradedBy"]["username"] for one in await grades()] == ["root", "root"]
    await settling.remove(world.ctx, await world.ctx.users.get(root.user_id))
    gone = {"id": root.user_id, "username": "deleted user", "profileImage": None}
    assert [one["gradedBy"] for one in await grades()] == [gone, gone]


async def test_after_the_deadline(client: Client, world: World, taught: Class) -> None:
    posted = await assignment(client, world, taught)
    world.clock.pass_s(3700)
    taught = taught._replace(bob=bearer(await _again(world, "bob")))
    made = await send(client, "POST", f"/assignments/{posted['id']}/submissions", taught.bob, 201, **text("QED"))
    assert made["late"]
    late = await send(client, "PATCH", f"/submissions/{made['id']}", taught.bob, 409, **text("x"))
    assert late["code"] == "deadline_passed"


async def _again(world: World, name: str) -> str:
    """A token that has not expired."""
    return (await identity.login(world.ctx, name, "correct horse", "192.0.2.2")).access_token


async def test_each_student_sees_their_own_and_the_instructor_all(
    client: Client, world: World, taught: Class
) -> None:
    carl = bearer(await world.token("carl"))
    await send(client, "POST", "/enrollments", carl, 201, courseId=taught.course["id"])
    posted = await assignment(client, world, taught)
    path = f"/assignments/{posted['id']}/submissions"
    made = [(await send(client, "POST", path, who, 201, **text("QED")))["id"] for who in (taught.bob, carl)]
    for who, expected in ((taught.bob, made[:1]), (carl, made[1:]), (taught.ada, made)):
        for listed in (path, "/submissions", f"/submissions?assignmentId={posted['id']}"):
            found = (await send(client, "GET", listed, who, 200))["items"]
            assert sorted(one["id"] for one in found) == sorted(expected)
        for id in made:
            await send(client, "GET", f"/submissions/{id}", who, 200 if id in expected else 403)
    assert (await send(client, "GET", path, taught.eve, 403))["code"] == "not_enrolled"
    assert (await send(client, "POST", path, taught.eve, 403, **text("x")))["code"] == "not_enrolled"
    assert (await send(client, "POST", path, taught.ada, 403, **text("x")))["code"] == "not_enrolled"
    await send(client, "GET", "/submissions", taught.eve, 200)


async def test_a_grade_is_of_what_the_instructor_has_read(client: Client, world: World, taught: Class) -> None:
    posted = await assignment(client, world, taught)
    path = f"/assignments/{posted['id']}/submissions"
    made = await send(client, "POST", path, taught.bob, 201, **text("QED"))
    own = f"/api/v1/submissions/{made['id']}"
    tag = (await client.get(own, headers=taught.ada)).headers["ETag"]
    await send(client, "PATCH", f"/submissions/{made['id']}", taught.bob, 200, **text("better"))
    conditional = taught.ada | {"If-Match": tag}
    assert (await client.put(f"{own}/grade", json={"score": 1}, headers=conditional)).status == 412
    fresh = taught.ada | {"If-Match": (await client.get(own, headers=taught.ada)).headers["ETag"]}
    assert (await client.put(f"{own}/grade", json={"score": 1}, headers=fresh)).status == 200


async def test_wrong_submissions_and_grades_are_refused(client: Client, world: World, taught: Class) -> None:
    posted = await assignment(client, world, taught)
    path = f"/assignments/{posted['id']}/submissions"
    for content in (None, "QED", {"type": "quiz", "value": "x"}, {"type": "clip", "value": new_id()}, [{}]):
        refused = await send(client, "POST", path, taught.bob, 422, content=content)
        assert refused["errors"][0]["loc"].startswith("content")
    for field in ("late", "grade", "deadline", "userId", "lessonId", "timestamp"):
        refused = await send(client, "POST", path, taught.bob, 422, **text("x"), **{field: "x"})
        assert [error["loc"] for error in refused["errors"]] == [field]
    made = await send(client, "POST", path, taught.bob, 201, **text("QED"))
    for score in (-1, 100.5, "87", None, True, [1]):
        refused = await send(client, "PUT", f"/submissions/{made['id']}/grade", taught.ada, 422, score=score)
        assert [error["loc"] for error in refused["errors"]] == ["score"]


async def test_a_course_shows_its_clips_in_order(client: Client, world: World, taught: Class) -> None:
    films = [await world.upload(await actor(world, taught.ada), "video/mp4") for _ in range(2)]
    made = [
        await send(
            client,
            "POST",
            f"/lessons/{taught.lesson['id']}/clips",
            taught.ada,
            201,
            title=f"c{n}",
            upload=film.id,
        )
        for n, film in enumerate(films)
    ]
    path = f"/courses/{taught.course['id']}/clips"
    shown = [await send(client, "PUT", f"{path}/{one['id']}", taught.ada, 200) for one in made]
    assert [one["position"] for one in shown] == [0, 1] and shown[0]["upload"]["contentType"] == "video/mp4"
    moved = await send(client, "PUT", f"{path}/{made[0]['id']}", taught.ada, 200, position=5)
    assert moved["mappingId"] == shown[0]["mappingId"]
    listed = (await send(client, "GET", path, taught.bob, 200))["items"]
    assert [(one["title"], one["position"]) for one in listed] == [("c1", 1), ("c0", 5)]
    assert (await send(client, "GET", path, taught.eve, 403))["code"] == "not_enrolled"
    assert (await send(client, "GET", f"/clips/{made[0]['id']}", taught.eve, 403))["code"] == "not_enrolled"
    await send(client, "PUT", f"{path}/{made[0]['id']}", taught.bob, 403)
    await send(client, "PUT", f"{path}/{new_id()}", taught.ada, 404)
    page = await send(client, "GET", f"/courses/{taught.course['id']}/outline", taught.bob, 200)
    assert [one["title"] for one in page["clips"]] == ["c1", "c0"] and "upload" not in page["clips"][0]
    for _ in range(2):
        await send(client, "DELETE", f"{path}/{made[0]['id']}", taught.ada, 204)
    assert len((await send(client, "GET", path, taught.bob, 200))["items"]) == 1


async def test_a_clip_that_a_lesson_shows_is_not_deleted_and_the_lesson_is_named(
    client: Client, world: World, taught: Class
) -> None:
    film, lesson = (
        await world.upload(await actor(world, taught.ada), "video/mp4"),
        f"/lessons/{taught.lesson['id']}",
    )
    made = await send(client, "POST", f"{lesson}/clips", taught.ada, 201, title="Proof", upload=film.id)
    content = [{"type": "clip", "value": made["id"]}]
    await send(client, "PATCH", lesson, taught.ada, 200, content=content)
    refused = await send(client, "DELETE", f"/clips/{made['id']}", taught.ada, 409)
    assert refused["code"] == "in_use"
    assert [error["loc"] for error in refused["errors"]] == [f"lessons.{taught.lesson['id']}"]
    read = await send(client, "GET", lesson, taught.bob, 200)
    assert read["content"][0]["value"] == {"id": made["id"], "title": "Proof", "duration": None}
    assert not {"clipIds", "courseClipIds"} & set(read)
    await send(client, "PATCH", lesson, taught.ada, 200, content=content)
    await send(client, "PATCH", lesson, taught.ada, 200, content=[])
    await send(client, "DELETE", f"/clips/{made['id']}", taught.ada, 204)


async def test_sessions_of_a_course_are_listed_on_it(client: Client, taught: Class) -> None:
    video = await send(
        client, "POST", "/video-sessions", taught.ada, 201, title="v", courseId=taught.course["id"]
    )
    live = await send(client, "POST", "/live-sessions", taught.ada, 201, title="l", lessonId=taught.lesson["id"])
    assert (live["courseId"], live["lessonId"]) == (taught.course["id"], taught.lesson["id"])
    assert video["course"] == {"id": taught.course["id"], "title": "Algebra", "courseCode": "ALG-1"}
    path = f"/courses/{taught.course['id']}/sessions"
    for who in (taught.ada, taught.bob, taught.eve):
        listed = (await send(client, "GET", path, who, 200))["items"]
        assert [(one["kind"], one["id"]) for one in listed] == [("live", live["id"]), ("video", video["id"])]
    only = (await send(client, "GET", f"{path}?lessonId={taught.lesson['id']}", taught.bob, 200))["items"]
    assert [one["id"] for one in only] == [live["id"]]
    assert (await send(client, "GET", f"{path}?status=ended", taught.bob, 200))["items"] == []
    by_lesson = f"/live-sessions?lessonId={taught.lesson['id']}"
    assert len((await send(client, "GET", by_lesson, taught.bob, 200))["items"]) == 1
    by_course = f"/video-sessions?courseId={taught.course['id']}"
    assert len((await send(client, "GET", by_course, taught.bob, 200))["items"]) == 1
    await send(client, "POST", "/video-sessions", taught.bob, 403, title="v", courseId=taught.course["id"])
    page = await send(client, "GET", f"/courses/{taught.course['id']}/outline", taught.bob, 200)
    assert {one["id"] for one in page["sessions"]} == {live["id"], video["id"]}
    refused = await send(client, "DELETE", f"/courses/{taught.course['id']}", taught.ada, 409)
    assert refused["code"] == "in_use"
    await send(client, "POST", f"/video-sessions/{video['id']}/start", taught.ada, 200)
    for part in ("participants", "messages", "recordings"):
        refused = await send(client, "GET", f"/video-sessions/{video['id']}/{part}", taught.eve, 403)
        assert refused["code"] == "not_enrolled"
