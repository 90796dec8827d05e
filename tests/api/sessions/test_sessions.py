"""What happens in sessions, over REST, in every kind."""

from typing import Any

import pytest

from mediaserver.base.ids import new_id
from mediaserver.domain.sessions.participants import Participant
from mediaserver.domain.sessions.recordings import RecordedTrack
from mediaserver.domain.sessions.sessions import KINDS
from mediaserver.rooms.registry import Rooms
from mediaserver.rooms.room_task import RoomTask
from mediaserver.rooms.state.event_log import Since
from mediaserver.rooms.state.members import Person
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.sessions import participants, recordings, sessions
from tests.api.conftest import Client, bearer
from tests.usecases.world import World


class Class:
    """A live session of ada's with bob in it; eve is not."""

    def __init__(self, client: Client, world: World, kind: Any) -> None:
        self.client, self.world, self.kind = client, world, kind
        self.tokens: dict[str, str] = {}

    async def open(self) -> "Class":
        for name in ("ada", "bob", "eve"):
            self.tokens[name] = await self.world.token(name)
        ada, bob = [await identity.authenticate(self.world.ctx, self.tokens[name]) for name in ("ada", "bob")]
        self.session = await self.world.live_session(ada, self.kind)
        now = self.world.clock.now
        self.ada = await participants.enter(self.world.ctx, ada, self.session, "moderator", now)
        self.bob = await participants.enter(self.world.ctx, bob, self.session, "participant", now)
        self.moderator = ada
        return self

    async def come_in(self, rooms: Rooms, *names: str) -> RoomTask:
        """Into the running room, as their sockets would bring them."""
        host = await rooms.enter(self.session)
        for name in names:
            actor = await identity.authenticate(self.world.ctx, self.tokens[name])
            one: Participant = getattr(self, name)
            person = Person(one.id, one.user_id, name, None, one.role, True, actor.login_id, one.joined_at)
            await host.join(actor, person, f"socket of {name}", Since())
        return host

    async def ask(self, who: str, method: str, path: str, **more: Any) -> tuple[int, Any]:
        url = f"/api/v1{KINDS[self.kind].path}/{self.session.id}{path}"
        answer = await self.client.request(method, url, headers=bearer(self.tokens[who]), **more)
        return answer.status, await answer.json()


@pytest.fixture(params=KINDS)
async def lesson(request: pytest.FixtureRequest, client: Client, world: World) -> Class:
    return await Class(client, world, request.param).open()


@pytest.fixture
async def video(client: Client, world: World) -> Class:
    return await Class(client, world, "video").open()


async def test_fields_that_wait_for_their_documents_are_refused(client: Client, world: World) -> None:
    ada = bearer(await world.token("ada"))
    for rules in KINDS.values():
        bound = "lessonId" if rules.bound_to == "lesson_id" else "courseId"
        other = "courseId" if bound == "lessonId" else "lessonId"
        path = f"/api/v1{rules.path}"
        for field in (bound, other):
            answer = await client.post(path, json={"title": "x", field: new_id()}, headers=ada)
            assert answer.status == 422
            assert [error["loc"] for error in (await answer.json())["errors"]] == [field]
        made = await client.post(path, json={"title": "x", bound: None}, headers=ada)
        assert made.status == 201 and (await made.json())[bound] is None


async def test_start_and_end(client: Client, world: World) -> None:
    ada, eve = bearer(await world.token("ada")), bearer(await world.token("eve"))
    made = await client.post("/api/v1/live-sessions", json={"title": "x", "type": "broadcast"}, headers=ada)
    path = made.headers["Location"]
    assert (await client.post(f"{path}/end", headers=ada)).status == 409
    assert (await client.post(f"{path}/start", headers=eve)).status == 403
    started = await (await client.post(f"{path}/start", headers=ada)).json()
    assert (started["status"], started["type"]) == ("live", "broadcast")
    assert (await client.delete(path, headers=ada)).status == 409
    assert (await (await client.post(f"{path}/end", headers=ada)).json())["status"] == "ended"
    assert (await client.post(f"{path}/start", headers=ada)).status == 409
    wrong_kind = path.replace("live-sessions", "video-sessions")
    assert (await client.get(wrong_kind, headers=ada)).status == 404


async def test_chat_over_rest(lesson: Class) -> None:
    said = {"clientId": "c1", "contentType": "Text", "content": "hello"}
    status, message = await lesson.ask("bob", "POST", "/messages", json=said)
    assert status == 201 and (message["sequence"], message["senderName"]) == (1, "bob")
    assert await lesson.ask("bob", "POST", "/messages", json=said) == (200, message)
    assert await lesson.ask("ada", "GET", f"/messages/{message['id']}") == (200, message)
    status, refused = await lesson.ask("eve", "POST", "/messages", json=said)
    assert status == 403 and refused["code"] == "not_participant"
    for path in ("/messages", "/participants", "/recordings", f"/messages/{message['id']}"):
        assert (await lesson.ask("eve", "GET", path))[0] == 403
    status, wrong = await lesson.ask("bob", "POST", "/messages", json={"content": "", "contentType": "Poem"})
    assert status == 422 and {error["loc"] for error in wrong["errors"]} == {"content", "contentType"}


async def test_messages_page_in_both_directions(video: Class) -> None:
    for n in range(7):
        assert (await video.ask("bob", "POST", "/messages", json={"content": f"m{n}"}))[0] == 201

    async def pages(query: str) -> list[list[int]]:
        found, cursor = [], ""
        while True:
            _, page = await video.ask("ada", "GET", f"/messages?limit=3{cursor or query}")
            found.append([item["sequence"] for item in page["items"]])
            if page["nextCursor"] is None:
                return found
            cursor = f"&cursor={page['nextCursor']}"

    assert await pages("") == [[5, 6, 7], [2, 3, 4], [1]]
    assert await pages("&afterSequence=0") == [[1, 2, 3], [4, 5, 6], [7]]
    assert await pages("&beforeSequence=4") == [[1, 2, 3]]
    assert await pages("&afterSequence=2&beforeSequence=6") == [[3, 4, 5]]
    for query in ("afterSequence=-1", "afterSequence=x", "cursor=sideways:3", f"beforeSequence={2**70}"):
        assert (await video.ask("ada", "GET", f"/messages?{query}"))[0] == 422


async def test_participants_are_listed(video: Class) -> None:
    _, page = await video.ask("bob", "GET", "/participants")
    assert {item["username"] for item in page["items"]} == {"ada", "bob"}
    status, one = await video.ask("ada", "GET", f"/participants/{video.bob.id}")
    assert status == 200 and one["secondsPresent"] == 0 and "removedAt" not in one


async def test_whoever_is_named_is_shown_with_their_picture(video: Class) -> None:
    world, ctx, ada = video.world, video.world.ctx, video.moderator
    picture = await world.upload(ada)
    await ctx.users.update(ada.user_id, set={"profileImage": picture.id})
    for n in range(3):
        assert (await video.ask("ada", "POST", "/messages", json={"content": f"m{n}"}))[0] == 201
    recording = await recordings.begin(ctx, ada, video.session, world.clock.now)
    track = RecordedTrack(
        participant_id=video.ada.id, user_id=ada.user_id, source="camera", object_key="k",
        content_type="video/webm", size=1, duration=1.0,
    )  # fmt: skip
    await ctx.recordings.update(recording.id, set={"tracks": [track]})
    _, session = await video.ask("bob", "GET", "")
    person = session["moderator"]
    assert (person["id"], person["username"]) == (ada.user_id, "ada") and picture.id in person["profileImage"]
    participants_, messages, recorded = [
        (await video.ask("bob", "GET", path))[1]["items"]
        for path in ("/participants", "/messages", "/recordings")
    ]
    assert {one["user"]["username"]: one["user"]["profileImage"] for one in participants_} == {
        "ada": person["profileImage"],
        "bob": None,
    }
    assert [(one["sender"], one["senderName"]) for one in messages] == [(person, "ada")] * 3
    (one,) = recorded
    assert (one["moderator"], one["startedBy"], one["tracks"][0]["user"]) == (person, person, person)
    assert one["tracks"][0]["username"] == "ada"


async def test_participants_are_changed_in_the_running_room(video: Class, rooms: Rooms) -> None:
    path = f"/participants/{video.bob.id}"
    status, refused = await video.ask("ada", "PATCH", path, json={"mute": True})
    assert (status, refused["code"]) == (409, "not_in_session")
    host = await video.come_in(rooms, "ada", "bob")
    bob = host.room.members[video.bob.id]
    await host.command(lambda now: host.room.update(bob.id, {"cast_screen": True}, now))
    status, changed = await video.ask("ada", "PATCH", path, json={"mute": True, "castScreen": None})
    assert (status, changed["mute"], changed["castScreen"], changed["username"]) == (200, True, False, "bob")
    assert (bob.mute, bob.cast_screen, bob.video_visible) == (True, False, False)
    await host.drain(5)
    _, stored = await video.ask("bob", "GET", path)
    assert (stored["mute"], set(stored)) == (True, set(changed))
    status, refused = await video.ask("ada", "PATCH", path, json={"mute": False})
    assert (status, refused["code"]) == (403, "not_allowed")
    assert (await video.ask("bob", "PATCH", path, json={"mute": False, "videoVisible": True}))[0] == 200
    assert (bob.mute, bob.video_visible) == (False, True)
    assert (await video.ask("ada", "PATCH", path, json={}))[0] == 200
    status, refused = await video.ask("bob", "PATCH", f"/participants/{video.ada.id}", json={"mute": True})
    assert (status, refused["code"]) == (403, "forbidden")


async def test_what_cannot_be_changed_of_a_participant_is_named(video: Class) -> None:
    path = f"/participants/{video.bob.id}"
    status, wrong = await video.ask("ada", "PATCH", path, json={"mute": "yes", "role": "moderator"})
    assert status == 422 and {error["loc"] for error in wrong["errors"]} == {"mute", "role"}
    assert (await video.ask("ada", "PATCH", f"/participants/{new_id()}", json={}))[0] == 404
    assert (await video.ask("eve", "PATCH", path, json={"mute": True}))[0] == 403


async def test_in_audio_sessions_there_is_no_picture_to_change(client: Client, world: World) -> None:
    lesson = await Class(client, world, "audio").open()
    status, wrong = await lesson.ask(
        "ada", "PATCH", f"/participants/{lesson.bob.id}", json={"videoVisible": True}
    )
    assert status == 422 and [error["loc"] for error in wrong["errors"]] == ["videoVisible"]


async def test_recordings_are_for_those_who_took_part(video: Class, client: Client) -> None:
    ctx, now = video.world.ctx, video.world.clock.now
    begun = await recordings.begin(ctx, video.moderator, video.session, now)
    await recordings.stopped(ctx, begun.id, now)
    key = f"recordings/{begun.id}/program.mp4"
    await ctx.objects.put_bytes(key, b"0123456789", "video/mp4")
    await recordings.ready(ctx, begun.id, object_key=key, size=10, duration_s=1.0, tracks=[])
    _, page = await video.ask("bob", "GET", "/recordings")
    (shown,) = page["items"]
    path = f"/api/v1/recordings/{begun.id}"
    bob, eve, ada = (bearer(video.tokens[name]) for name in ("bob", "eve", "ada"))
    assert await (await client.get(path, headers=bob)).json() == shown
    assert (await client.get(path, headers=eve)).status == 403
    assert shown["session"] == {"id": video.session.id, "kind": "video", "title": video.session.title}
    for who, found in ((bob, [shown]), (eve, [])):
        own = await (await client.get("/api/v1/recordings?limit=1", headers=who)).json()
        assert own == {"items": found, "nextCursor": None}

    part = await client.get(shown["videoFileUrl"], headers={"Range": "bytes=2-4"})
    assert (part.status, await part.read(), part.content_type) == (206, b"234", "video/mp4")
    assert (await client.get(shown["videoFileUrl"].replace("person=", "person=x"))).status == 403
    await identity.set_active(ctx, video.bob.user_id, False)
    assert (await client.get(shown["videoFileUrl"])).status == 403

    assert (await client.delete(path, headers=eve)).status == 403
    assert (await client.delete(path, headers=ada)).status == 204
    assert (await client.get(path, headers=ada)).status == 404


async def test_a_removed_person_reads_no_more(video: Class) -> None:
    await participants.remove(video.world.ctx, video.bob.id, video.world.clock.now)
    status, refused = await video.ask("bob", "GET", "/messages")
    assert (status, refused["code"]) == (403, "removed")


async def test_chat_stays_readable_after_the_end(video: Class) -> None:
    await video.ask("bob", "POST", "/messages", json={"content": "hello"})
    await sessions.end(video.world.ctx, video.moderator, "video", video.session.id)
    _, page = await video.ask("bob", "GET", "/messages")
    assert [item["content"] for item in page["items"]] == ["hello"]
    status, refused = await video.ask("bob", "POST", "/messages", json={"content": "late"})
    assert (status, refused["code"]) == (409, "ended")
