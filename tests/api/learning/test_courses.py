"""Courses over REST: their page at once, what lists leave out, the walls around lessons."""

from datetime import timedelta
from typing import Any

import pytest

from mediaserver.base.ids import new_id
from mediaserver.domain.sessions.sessions import Session
from mediaserver.store.mongo import Database
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.sessions import sessions
from tests.api.conftest import Client, bearer
from tests.usecases import school
from tests.usecases.learning.test_clips import clip
from tests.usecases.world import PASSWORD, World

Headers = dict[str, str]


@pytest.fixture
async def ada(world: World) -> Headers:
    return bearer(await world.token("ada", "instructor"))


@pytest.fixture
async def bob(world: World) -> Headers:
    return bearer(await world.token("bob"))


async def send(client: Client, method: str, path: str, who: Headers, status: int, **json: Any) -> Any:
    answer = await client.request(method, "/api/v1" + path, json=json or None, headers=who)
    assert answer.status == status, await answer.text()
    return await answer.json() if answer.content_type.endswith("json") else None


async def course(client: Client, who: Headers, code: str = "ALG-1", **fields: Any) -> Any:
    given = {"courseCode": code, "title": "Algebra", "published": True, **fields}
    return await send(client, "POST", "/courses", who, 201, **given)


async def filled(client: Client, who: Headers, of: Any, levels: int, lessons: int) -> list[Any]:
    """The lessons."""
    made = []
    for n in range(levels):
        level = await send(client, "POST", f"/courses/{of['id']}/levels", who, 201, title=f"Level {n}")
        for m in range(lessons):
            content = [{"type": "text", "value": f"words {n}.{m}"}]
            fields = {"title": f"Lesson {n}.{m}", "content": content}
            made.append(await send(client, "POST", f"/levels/{level['id']}/lessons", who, 201, **fields))
    return made


async def test_students_do_not_make_courses(client: Client, bob: Headers) -> None:
    await send(client, "POST", "/courses", bob, 403, courseCode="X", title="Mine")


async def test_who_teaches_no_more_courses_still_teaches_those_that_they_have(
    client: Client, world: World
) -> None:
    teacher, root = await world.person("ada", "instructor"), bearer(await world.token("root", "admin"))
    made = await course(client, bearer(world.ctx.tokens.issue(teacher, world.clock.now)))
    await identity.set_role(world.ctx, teacher.user_id, "student")
    ada = bearer((await identity.login(world.ctx, "ada", PASSWORD, "192.0.2.1")).access_token)
    await send(client, "POST", "/courses", ada, 403, courseCode="X", title="Mine")
    await send(client, "PATCH", f"/courses/{made['id']}", ada, 200, title="Linear algebra")
    other = (await world.person("eve", "instructor")).user_id
    await send(client, "PATCH", f"/courses/{made['id']}", root, 200, instructorUserId=other)
    await send(client, "PATCH", f"/courses/{made['id']}", ada, 403, title="Mine again")


async def test_a_course_says_who_teaches_it_and_how_many_take_it(
    client: Client, ada: Headers, bob: Headers
) -> None:
    made = await course(client, ada)
    assert made["instructor"]["username"] == "ada" and made["skill"] is None
    await send(client, "POST", "/enrollments", bob, 201, courseId=made["id"])
    read = await send(client, "GET", "/courses/by-code/alg-1", bob, 200)
    assert (read["enrolledCount"], read["lessonsCount"]) == (1, 0)
    assert not {"courseCodeFolded", "pendingOrder", "marks", "settled", "gone"} & set(read)


async def test_lists_of_courses_show_what_one_may_see_sorted_and_searched(
    client: Client, ada: Headers, bob: Headers
) -> None:
    for code, title, published in (("C", "Sets", True), ("A", "Rings", True), ("B", "Fields", False)):
        await course(client, ada, code, title=title, published=published)

    async def titles(who: Headers, query: str = "") -> list[str]:
        return [one["title"] for one in (await send(client, "GET", f"/courses{query}", who, 200))["items"]]

    assert await titles(ada, "?sort=title") == ["Fields", "Rings", "Sets"]
    assert await titles(bob, "?sort=-title") == ["Sets", "Rings"]
    assert await titles(bob, "?sort=createdAt") == ["Sets", "Rings"]
    assert await titles(ada, "?published=false") == ["Fields"]
    assert await titles(bob, "?published=false") == []
    assert await titles(bob, "?q=rings") == ["Rings"]
    assert await titles(bob, "?q=fields") == []


async def test_titles_of_lessons_are_public_and_their_content_is_not(
    client: Client, ada: Headers, bob: Headers
) -> None:
    made = await course(client, ada)
    (lesson,) = await filled(client, ada, made, 1, 1)
    assert lesson["content"] == [{"type": "text", "value": "words 0.0"}]
    listed = await send(client, "GET", f"/levels/{lesson['levelId']}/lessons", bob, 200)
    assert [one["title"] for one in listed["items"]] == ["Lesson 0.0"] and "content" not in listed["items"][0]
    assert (await send(client, "GET", f"/lessons/{lesson['id']}", bob, 403))["code"] == "not_enrolled"
    assert (await send(client, "GET", "/lessons?q=words", bob, 200))["items"] == []
    await send(client, "POST", "/enrollments", bob, 201, courseId=made["id"])
    assert (await send(client, "GET", f"/lessons/{lesson['id']}", bob, 200))["content"] == lesson["content"]
    (found,) = (await send(client, "GET", "/lessons?q=words", bob, 200))["items"]
    assert found["id"] == lesson["id"] and found["course"]["courseCode"] == "ALG-1"
    await send(client, "PATCH", f"/courses/{made['id']}", ada, 200, published=False)
    await send(client, "GET", f"/lessons/{lesson['id']}", bob, 200)  # who takes it keeps it


async def test_drafts_are_hidden_down_to_their_levels_as_if_they_were_not_there(
    client: Client, ada: Headers, bob: Headers
) -> None:
    made = await course(client, ada, published=False)
    (lesson,) = await filled(client, ada, made, 1, 1)
    for path, id in (
        ("/courses/{}", made["id"]),
        ("/courses/{}/outline", made["id"]),
        ("/courses/{}/levels", made["id"]),
        ("/courses/{}/sessions", made["id"]),
        ("/courses/{}/clips", made["id"]),
        ("/courses/{}/progress", made["id"]),
        ("/courses/{}/enrollments", made["id"]),
        ("/levels/{}", lesson["levelId"]),
        ("/levels/{}/lessons", lesson["levelId"]),
        ("/courses/by-code/{}", "ALG-1"),
    ):
        await send(client, "GET", path.format(id), ada, 200)
        hidden = await send(client, "GET", path.format(id), bob, 404)
        assert hidden == await send(client, "GET", path.format(new_id()), bob, 404)
    for path in (f"/courses/{made['id']}", f"/levels/{lesson['levelId']}"):
        await send(client, "DELETE", path, bob, 404)
    await send(client, "GET", f"/lessons/{lesson['id']}", bob, 403)


async def test_wrong_blocks_are_named_by_their_place(client: Client, ada: Headers) -> None:
    made = await course(client, ada)
    level = await send(client, "POST", f"/courses/{made['id']}/levels", ada, 201, title="a")
    content = [
        {"type": "text", "value": "good"},
        {"type": "text", "value": 7},
        {"type": "poem", "value": "x"},
        {"type": "quiz", "value": {"question": "?", "options": ["a", "b"], "answer": "a"}},
        {"type": "code", "value": {"language": "c"}},
        {"type": "image", "value": {"$gt": ""}},
    ]
    refused = await send(client, "POST", f"/levels/{level['id']}/lessons", ada, 422, title="x", content=content)
    assert {error["loc"] for error in refused["errors"]} == {
        "content.1.value", "content.2", "content.3.value.answer", "content.4.value.source", "content.5.value",
    }  # fmt: skip
    too_many = [{"type": "text", "value": "x"}] * 201
    refused = await send(client, "POST", f"/levels/{level['id']}/lessons", ada, 422, title="x", content=too_many)
    assert [error["loc"] for error in refused["errors"]] == ["content"]


async def test_the_order_is_given_as_a_whole(client: Client, ada: Headers, bob: Headers) -> None:
    made = await course(client, ada)
    lessons = await filled(client, ada, made, 1, 3)
    path, ids = f"/levels/{lessons[0]['levelId']}/lessons/order", [one["id"] for one in lessons]
    await send(client, "PUT", path, bob, 403, lessonIds=ids)
    await send(client, "PUT", path, ada, 422, lessonIds=[*ids, new_id()])
    await send(client, "PUT", path, ada, 204, lessonIds=ids[::-1])
    listed = await send(client, "GET", f"/levels/{lessons[0]['levelId']}/lessons", ada, 200)
    assert [one["id"] for one in listed["items"]] == ids[::-1]
    levels = f"/courses/{made['id']}/levels/order"
    await send(client, "PUT", levels, ada, 204, levelIds=[lessons[0]["levelId"]])
    await send(client, "PUT", f"/courses/{new_id()}/levels/order", ada, 404, levelIds=[])


async def test_a_course_page_is_one_request(client: Client, ada: Headers, bob: Headers) -> None:
    made = await course(client, ada)
    first, *_ = await filled(client, ada, made, 2, 2)
    path = f"/courses/{made['id']}/outline"
    stranger = await send(client, "GET", path, bob, 200)
    assert (stranger["enrollment"], stranger["progress"]) == (None, None)
    assert [len(level["lessons"]) for level in stranger["levels"]] == [2, 2]
    assert {lesson["completionStatus"] for level in stranger["levels"] for lesson in level["lessons"]} == {None}
    enrolled = await send(client, "POST", "/enrollments", bob, 201, courseId=made["id"])
    await send(client, "PUT", "/progress", bob, 200, lessonId=first["id"], completionStatus="completed")
    page = await send(client, "GET", path, bob, 200)
    assert page["course"]["instructor"]["username"] == "ada"
    assert page["enrollment"]["id"] == enrolled["id"] and page["progress"]["percent"] == 25
    statuses = [lesson["completionStatus"] for level in page["levels"] for lesson in level["lessons"]]
    assert statuses == ["completed", "not-started", "not-started", "not-started"]


async def test_a_course_page_shows_clips_to_those_alone_who_may_watch_them(
    client: Client, world: World, ada: Headers, bob: Headers
) -> None:
    teacher, root = (
        await identity.authenticate(world.ctx, ada["Authorization"][7:]),
        await world.token("root", "admin"),
    )
    draft = await school.course(world, teacher, "DRAFT", published=False)
    film = await clip(world, teacher, await school.lesson_of(world, teacher, draft))
    made = await course(client, ada)
    await send(client, "PUT", f"/courses/{made['id']}/clips/{film.id}", ada, 200)
    outline, listed = f"/courses/{made['id']}/outline", f"/courses/{made['id']}/clips"
    assert (await send(client, "GET", outline, bob, 200))["clips"] is None
    await send(client, "GET", listed, bob, 403)
    await send(client, "POST", "/enrollments", bob, 201, courseId=made["id"])
    for who in (ada, bob, bearer(root)):
        (shown,) = (await send(client, "GET", outline, who, 200))["clips"]
        assert [one["id"] for one in (await send(client, "GET", listed, who, 200))["items"]] == [shown["id"]]


async def test_a_course_page_has_what_runs_then_what_comes_next_however_much_is_planned(
    client: Client, world: World, ada: Headers
) -> None:
    teacher, made = await identity.authenticate(world.ctx, ada["Authorization"][7:]), await course(client, ada)
    now, ctx = world.clock.now, world.ctx

    async def plan(title: str, days: float | None) -> Session:
        start = None if days is None else now + timedelta(days=days)
        return await sessions.create(
            ctx, teacher, "video", {"title": title, "course_id": made["id"], "start_time": start}
        )

    running = await plan("running", 3)
    await sessions.start(ctx, teacher, "video", running.id)
    for title, days in (("tomorrow", 1.0), ("late", -0.1), ("forgotten", -2.0), ("some time", None)):
        await plan(title, days)
    page = f"/courses/{made['id']}/outline"
    shown = [one["title"] for one in (await send(client, "GET", page, ada, 200))["sessions"]]
    assert shown == ["running", "late", "tomorrow", "some time"]
    for n in range(50):
        await plan(f"next year {n}", 365 + n)
    shown = [one["title"] for one in (await send(client, "GET", page, ada, 200))["sessions"]]
    assert shown == ["running", "late", "tomorrow", *(f"next year {n}" for n in range(47))]


async def test_a_course_page_takes_as_many_queries_however_much_it_shows(
    client: Client, world: World, ada: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, asked = Database.run, 0

    async def counted(self: Database, *args: Any, **more: Any) -> Any:
        nonlocal asked
        asked += 1
        return await run(self, *args, **more)

    monkeypatch.setattr(Database, "run", counted)

    async def queries(of: Any) -> int:
        before = asked
        await send(client, "GET", f"/courses/{of['id']}/outline", ada, 200)
        return asked - before

    small, large = await course(client, ada), await course(client, ada, "GEO-1")
    await filled(client, ada, small, 1, 1)
    await filled(client, ada, large, 4, 3)
    assert await queries(small) == await queries(large)


async def test_the_instructor_sees_whom_they_removed_and_readmits_them(
    client: Client, world: World, ada: Headers, bob: Headers
) -> None:
    made = await course(client, ada)
    enrolled = await send(client, "POST", "/enrollments", bob, 201, courseId=made["id"])
    await send(client, "DELETE", f"/enrollments/{enrolled['id']}", ada, 204)
    refused = await send(client, "POST", "/enrollments", bob, 403, courseId=made["id"])
    assert refused["code"] == "removed_from_course"
    await send(client, "GET", f"/courses/{made['id']}/removals", bob, 403)
    (removal,) = (await send(client, "GET", f"/courses/{made['id']}/removals", ada, 200))["items"]
    assert (removal["user"]["username"], removal["removedBy"]["username"]) == ("bob", "ada")
    await send(client, "DELETE", f"/course-removals/{removal['id']}", bob, 403)
    await send(client, "DELETE", f"/course-removals/{removal['id']}", bearer(await world.token("eve")), 403)
    await send(client, "DELETE", f"/course-removals/{removal['id']}", ada, 204)
    assert (await send(client, "GET", f"/courses/{made['id']}/removals", ada, 200))["items"] == []
    await send(client, "POST", "/enrollments", bob, 201, courseId=made["id"])


async def test_enrollments_are_ones_own_and_the_instructors_to_see(
    client: Client, world: World, ada: Headers, bob: Headers
) -> None:
    made = await course(client, ada)
    enrolled = await send(client, "POST", "/enrollments", bob, 201, courseId=made["id"])
    assert enrolled["user"]["username"] == "bob" and enrolled["progress"]["percent"] == 0
    assert (await send(client, "POST", "/enrollments", bob, 409, courseId=made["id"]))[
        "code"
    ] == "enrollment_exists"
    eve = bearer(await world.token("eve"))
    assert (await send(client, "GET", "/enrollments", eve, 200))["items"] == []
    await send(client, "GET", f"/enrollments/{enrolled['id']}", eve, 403)
    await send(client, "GET", f"/courses/{made['id']}/enrollments", eve, 403)
    for who, path in ((bob, "/enrollments"), (ada, "/enrollments"), (ada, f"/courses/{made['id']}/enrollments")):
        assert [one["id"] for one in (await send(client, "GET", path, who, 200))["items"]] == [enrolled["id"]]
    await send(client, "DELETE", f"/enrollments/{enrolled['id']}", eve, 403)
    await send(client, "DELETE", f"/enrollments/{enrolled['id']}", bob, 204)
    await send(client, "POST", "/enrollments", bob, 201, courseId=made["id"])


async def test_progress_is_ones_own_and_the_instructors_to_see(
    client: Client, world: World, ada: Headers, bob: Headers
) -> None:
    made = await course(client, ada)
    lessons = await filled(client, ada, made, 1, 2)
    body = {"lessonId": lessons[0]["id"], "completionStatus": "completed"}
    assert (await send(client, "PUT", "/progress", bob, 403, **body))["code"] == "not_enrolled"
    await send(client, "POST", "/enrollments", bob, 201, courseId=made["id"])
    put = await send(client, "PUT", "/progress", bob, 200, **body)
    assert put["lesson"]["title"] == "Lesson 0.0"
    own = await send(client, "GET", f"/progress?courseId={made['id']}", bob, 200)
    assert [one["id"] for one in own["items"]] == [put["id"]] and own["progress"]["percent"] == 50
    assert (await send(client, "GET", "/progress", bob, 200))["progress"] is None
    assert (await send(client, "GET", "/progress", ada, 200))["items"] == []
    eve = bearer(await world.token("eve"))
    await send(client, "GET", f"/progress/{put['id']}", eve, 403)
    await send(client, "GET", f"/courses/{made['id']}/progress", bob, 403)
    await send(client, "GET", f"/progress/{put['id']}", ada, 200)
    (student,) = (await send(client, "GET", f"/courses/{made['id']}/progress", ada, 200))["items"]
    assert student["user"]["username"] == "bob"
    assert (student["completed"], student["lessons"], student["percent"]) == (1, 2, 50)
    assert (await send(client, "PUT", "/progress", bob, 422, lessonId="x", completionStatus="done"))[
        "errors"
    ] != []


async def test_an_instructor_asks_for_one_student(
    client: Client, world: World, ada: Headers, bob: Headers
) -> None:
    made = await course(client, ada)
    for who in (bob, bearer(await world.token("eve"))):
        enrolled = await send(client, "POST", "/enrollments", who, 201, courseId=made["id"])
    for path in (f"/courses/{made['id']}/enrollments", f"/courses/{made['id']}/progress"):
        for asked, found in ((enrolled["userId"], [enrolled["userId"]]), (new_id(), [])):
            page = await send(client, "GET", f"{path}?userId={asked}", ada, 200)
            assert [one["userId"] for one in page["items"]] == found


async def test_sessions_of_a_course_are_the_same_on_either_list(
    client: Client, world: World, ada: Headers, bob: Headers
) -> None:
    made, draft = await course(client, ada), await course(client, ada, "DRAFT", published=False)
    for n, start in enumerate(("2099-05-01T09:00:00Z", None, "2099-04-01T09:00:00Z")):
        for of in (made, draft):
            fields = {"title": f"{n}", "courseId": of["id"], "startTime": start}
            await send(client, "POST", "/video-sessions", ada, 201, **fields)

    async def listed(path: str) -> list[str]:
        return [one["title"] for one in (await send(client, "GET", path, bob, 200))["items"]]

    assert await listed(f"/courses/{made['id']}/sessions") == ["2", "1", "0"]
    assert await listed(f"/video-sessions?courseId={made['id']}") == ["2", "1", "0"]
    assert await listed(f"/video-sessions?courseId={draft['id']}") == []
    assert await listed("/video-sessions") == []
    for of, found in ((made, ["live"]), (draft, [])):
        (lesson,) = await filled(client, ada, of, 1, 1)
        await send(client, "POST", "/live-sessions", ada, 201, title="live", lessonId=lesson["id"])
        assert await listed(f"/live-sessions?lessonId={lesson['id']}") == found
        assert await listed(f"/live-sessions?lessonId={lesson['id']}&courseId={of['id']}") == found
    assert await listed("/live-sessions") == []
    of_it = f"/video-sessions?courseId={made['id']}"
    assert await listed(f"{of_it}&sort=startTime") == ["1", "2", "0"]
    assert await listed(f"{of_it}&sort=-startTime") == ["0", "2", "1"]


async def test_progress_tells_nothing_of_a_course_that_one_does_not_take(
    client: Client, ada: Headers, bob: Headers
) -> None:
    made, other = await course(client, ada), await course(client, ada, "GEO-1")
    (lesson,), nothing = (
        await filled(client, ada, made, 1, 1),
        {"items": [], "nextCursor": None, "progress": None},
    )
    await send(client, "POST", "/enrollments", bob, 201, courseId=other["id"])
    of_it = f"/progress?courseId={made['id']}"
    assert await send(client, "GET", of_it, bob, 200) == nothing
    enrolled = await send(client, "POST", "/enrollments", bob, 201, courseId=made["id"])
    body = {"lessonId": lesson["id"], "completionStatus": "completed"}
    put = await send(client, "PUT", "/progress", bob, 200, **body)
    await send(client, "DELETE", f"/enrollments/{enrolled['id']}", bob, 204)
    await send(client, "PATCH", f"/courses/{made['id']}", ada, 200, published=False)
    assert await send(client, "GET", of_it, bob, 200) == nothing
    assert await send(client, "GET", "/progress", bob, 200) == nothing
    await send(client, "GET", f"/progress/{put['id']}", bob, 403)
    await send(client, "PATCH", f"/courses/{made['id']}", ada, 200, published=True)
    await send(client, "POST", "/enrollments", bob, 201, courseId=made["id"])
    again = await send(client, "GET", of_it, bob, 200)
    assert [one["id"] for one in again["items"]] == [put["id"]] and again["progress"]["percent"] == 100


async def test_two_editors_do_not_overwrite_each_other(client: Client, ada: Headers) -> None:
    made = await client.post("/api/v1/courses", json={"courseCode": "A", "title": "Algebra"}, headers=ada)
    path, tag = made.headers["Location"], made.headers["ETag"]
    assert (await client.patch(path, json={"title": "b"}, headers=ada | {"If-Match": tag})).status == 200
    assert (await client.patch(path, json={"title": "c"}, headers=ada | {"If-Match": tag})).status == 412
