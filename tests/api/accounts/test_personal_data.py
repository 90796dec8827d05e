"""A person's data: all of it in one archive, and gone when they want to be gone."""

import io
import json
import zipfile
from typing import Any

import pytest

from mediaserver.base.errors import Unavailable
from mediaserver.domain.accounts.devices import KnownDevice
from mediaserver.domain.accounts.users import User
from mediaserver.domain.sessions.participants import Participant
from mediaserver.usecases.events import LoginRevoked, SessionDeleted, UserDeactivated
from mediaserver.usecases.learning import progress
from mediaserver.usecases.personal_data import erasure
from mediaserver.usecases.sessions import chat, sessions
from mediaserver.usecases.writes import settling
from tests.api.conftest import Client, bearer
from tests.usecases import school
from tests.usecases.cut import cut_after
from tests.usecases.world import PASSWORD, World


async def _archive(client: Client, user_id: str, who: dict[str, str]) -> zipfile.ZipFile:
    answer = await client.get(f"/api/v1/users/{user_id}/export", headers=who)
    assert answer.status == 200 and answer.content_type == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(await answer.read()))
    assert archive.testzip() is None
    return archive


def _in(archive: zipfile.ZipFile, name: str) -> Any:
    return json.loads(archive.read(name))


async def test_the_archive_has_all_of_a_person_and_nothing_of_others(client: Client, world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    who = bearer(world.ctx.tokens.issue(ada, world.clock.now))
    session = await world.live_session(ada)
    sent = await client.post(
        f"/api/v1/video-sessions/{session.id}/messages", json={"content": "mine"}, headers=who
    )
    assert sent.status == 201
    await world.live_session(eve)
    upload = await world.upload(ada)
    path = world.ctx.settings.data.dir / "three"
    path.write_bytes(b"abc")
    await world.ctx.objects.put_file(upload.object_key, path, upload.content_type)

    archive = await _archive(client, ada.user_id, who)
    assert _in(archive, "user.json")["email"] == "ada@example.org"
    assert [one["id"] for one in _in(archive, "sessions.json")] == [session.id]
    assert [one["content"] for one in _in(archive, "messages.json")] == ["mine"]
    assert archive.read(f"uploads/{upload.id}-{upload.name}") == b"abc"
    assert b"argon2" not in b"".join(archive.read(name) for name in archive.namelist())
    assert "notifications.json" not in archive.namelist(), "what there is none of is not in it"


async def test_it_does_not_tell_who_blocked_or_reported_one(client: Client, world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    who, other = (bearer(world.ctx.tokens.issue(one, world.clock.now)) for one in (ada, eve))
    before = (await _archive(client, eve.user_id, other)).namelist()
    report = {"targetKind": "user", "targetId": eve.user_id, "reason": "Shouts."}
    for path, body in (("blocks", {"blockedUserId": eve.user_id}), ("reports", report)):
        assert (await client.post(f"/api/v1/{path}", json=body, headers=who)).status == 201
    assert (await _archive(client, eve.user_id, other)).namelist() == before
    mine = await _archive(client, ada.user_id, who)
    assert [one["blockedUserId"] for one in _in(mine, "blocks.json")] == [eve.user_id]
    assert [one["targetId"] for one in _in(mine, "reports.json")] == [eve.user_id]


async def test_an_admin_gets_nothing_that_was_private(client: Client, world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    who, root = bearer(world.ctx.tokens.issue(ada, world.clock.now)), bearer(await world.token("root", "admin"))
    picture, shown = await world.upload(ada), await world.upload(ada)
    for upload in (picture, shown):
        path = world.ctx.settings.data.dir / upload.id
        path.write_bytes(b"abc")
        await world.ctx.objects.put_file(upload.object_key, path, upload.content_type)
    for path, body in (
        ("messages", {"receiverUserId": eve.user_id, "content": "in private"}),
        ("messages", {"receiverUserId": eve.user_id, "contentType": "Image", "content": picture.id}),
        ("tweets", {"content": {"text": "in public", "media": [shown.id]}}),
        ("blocks", {"blockedUserId": eve.user_id}),
    ):
        assert (await client.post(f"/api/v1/{path}", json=body, headers=who)).status == 201
    own, seen = await _archive(client, ada.user_id, who), await _archive(client, ada.user_id, root)
    private = {"direct_messages.json", "conversations.json", "blocks.json", "logins.json", "devices.json"}
    assert private <= set(own.namelist()) and len(_in(own, "uploads.json")) == 2
    assert set(own.namelist()) - set(seen.namelist()) == {*private, f"uploads/{picture.id}-{picture.name}"}
    assert [one["content"]["text"] for one in _in(seen, "tweets.json")] == ["in public"]
    assert [one["id"] for one in _in(seen, "uploads.json")] == [shown.id]
    for upload, status in ((picture, 403), (shown, 200)):
        assert (await client.get(f"/api/v1/uploads/{upload.id}", headers=root)).status == status


async def test_the_archive_has_how_far_one_came_in_a_course_that_one_left(client: Client, world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    course = await school.course(world, ada)
    lesson = await school.lesson_of(world, ada, course)
    enrollment = await school.enroll(world, bob, course)
    put = await progress.put(world.ctx, bob, lesson.id, "completed")
    await settling.remove(world.ctx, enrollment)
    archive = await _archive(client, bob.user_id, bearer(world.ctx.tokens.issue(bob, world.clock.now)))
    assert [one["id"] for one in _in(archive, "progress.json")] == [put.id]


async def test_only_the_person_and_admins_get_it(client: Client, world: World) -> None:
    ada = await world.person("ada")
    path = f"/api/v1/users/{ada.user_id}/export"
    assert (await client.get(path, headers=bearer(await world.token("eve")))).status == 403
    assert (await client.get(path, headers=bearer(await world.token("root", "admin")))).status == 200


async def test_an_erased_person_is_gone_and_what_others_built_on_stays(client: Client, world: World) -> None:
    ctx = world.ctx
    ada, eve = await world.person("ada"), await world.person("eve")
    session = await world.live_session(eve)
    await ctx.participants.add(_participant(world, session.id, ada.user_id))
    await chat.send(ctx, ada, "video", session.id, "c1", "Text", "hello")
    own = await world.live_session(ada)
    upload = await world.upload(ada)
    who, other = (bearer(ctx.tokens.issue(one, world.clock.now)) for one in (ada, eve))
    path = f"/api/v1/users/{ada.user_id}"

    assert (await client.delete(path, headers=other)).status == 403
    assert (await client.delete(path, headers=who)).status == 204
    assert world.happened(UserDeactivated) and world.happened(LoginRevoked)
    assert (await client.get("/api/v1/auth/me", headers=who)).status == 401
    assert (await client.get(path, headers=other)).status == 404
    assert (await client.delete(path, headers=other)).status == 404
    messages = await (await client.get(f"/api/v1/video-sessions/{session.id}/messages", headers=other)).json()
    assert [(one["content"], one["senderName"]) for one in messages["items"]] == [("hello", "deleted user")]
    assert (await sessions.find(ctx, "video", own.id)).status == "ended"
    assert not await ctx.uploads.exists({"_id": upload.id})
    assert not await ctx.logins.exists({"userId": ada.user_id})
    assert not await ctx.of(KnownDevice).exists({"userId": ada.user_id})
    login = {"username": "ada", "email": "ada@example.org", "password": PASSWORD}
    assert (await client.post("/api/v1/auth/register", json=login)).status == 201, "the name is free again"


async def test_no_session_is_left_to_somebody_who_is_gone(client: Client, world: World) -> None:
    ctx = world.ctx
    ada, eve, bob = [await world.person(name, "instructor") for name in ("ada", "eve", "bob")]
    course = await school.course(world, eve)
    planned, running = await sessions.create(ctx, ada, "video", {"title": "x"}), await world.live_session(ada)
    lecture = await sessions.create(ctx, eve, "video", {"title": "x", "course_id": course.id})
    await ctx.sessions.update(lecture.id, set={"moderatorUserId": ada.user_id})
    other = await sessions.create(ctx, bob, "video", {"title": "x"})
    who = bearer(ctx.tokens.issue(ada, world.clock.now))
    assert (await client.delete(f"/api/v1/users/{ada.user_id}", headers=who)).status == 204
    assert not await ctx.sessions.exists({"_id": planned.id})
    assert [event.session.id for event in world.happened(SessionDeleted)] == [planned.id]
    assert (await ctx.sessions.get(running.id)).status == "ended"
    assert (await ctx.sessions.get(lecture.id)).moderator_user_id == eve.user_id
    assert (await ctx.sessions.get(other.id)).moderator_user_id == bob.user_id


@pytest.mark.slow
async def test_an_erasure_cut_off_anywhere_is_finished(world: World) -> None:
    ctx = world.ctx
    for operations in range(120):
        actor = await world.person(f"person{operations}")
        user = await ctx.users.get(actor.user_id)
        await world.upload(actor)
        planned = await sessions.create(ctx, actor, "video", {"title": "x"})
        with cut_after(ctx, operations) as cut:
            try:
                await erasure.erase(ctx, actor, user)
            except Unavailable:
                assert cut.happened
        begun = not await ctx.users.exists({"_id": user.id})
        world.clock.pass_s(60)
        await settling.resume(ctx)
        if begun:
            everywhere = {"_id": user.id, "gone": {"$in": [True, False]}}
            assert await ctx.of(User).find_one(everywhere) is None
            assert not await ctx.uploads.exists({"ownerUserId": user.id})
            assert not await ctx.sessions.exists({"_id": planned.id})
        if not cut.happened:
            return
    pytest.fail("an erasure never came to its end")


async def test_nobody_erases_the_admin_that_they_are(client: Client, world: World) -> None:
    root = await world.person("root", "admin")
    who = bearer(world.ctx.tokens.issue(root, world.clock.now))
    answer = await client.delete(f"/api/v1/users/{root.user_id}", headers=who)
    assert answer.status == 409 and (await answer.json())["code"] == "own_account"


def _participant(world: World, session_id: str, user_id: str) -> Any:
    now = world.clock.now
    return Participant(
        **world.ctx.stamp(), session_kind="video", session_id=session_id, user_id=user_id, joined_at=now
    )
