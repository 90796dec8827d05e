"""The protocol as a client sees it, over a real connection."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import socketio
from socketio.exceptions import ConnectionError as Refused

from mediaserver.base.errors import Unavailable
from mediaserver.base.signing import ANYONE
from mediaserver.domain.uploads.uploads import Upload
from mediaserver.media import messages as m
from mediaserver.signalling import messages
from mediaserver.signalling.handlers import HANDLERS
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.representation import users
from mediaserver.usecases.sessions import sessions
from mediaserver.usecases.uploads import uploads
from tests.rooms.fakes import until
from tests.signalling.conftest import Live, Someone

OFFERS = Path(__file__).parent.parent / "rooms" / "offers"


def offer(name: str = "chromium_slots") -> str:
    return (OFFERS / f"{name}.sdp").read_bytes().decode()


async def publish(someone: Someone, generation: int = 1, sdp: str = "") -> Any:
    tracks = {"0": {"source": "microphone"}, "1": {"source": "camera"}, "2": {"source": "screen"}}
    return await someone.ask(
        "media.negotiate", {"generation": generation, "sdp": sdp or offer(), "tracks": tracks}
    )


def test_every_message_has_a_handler() -> None:
    assert set(HANDLERS) == set(messages.CLIENT_MESSAGES.values())


# ------------------------------------------------------------------- connecting


async def test_without_a_valid_token_nobody_connects(live: Live) -> None:
    mia = await live.user("mia")
    for auth in ({"token": "nonsense"}, {"token": 7}, {}, None):
        stranger = socketio.AsyncClient(reconnection=False)
        told: list[Any] = []
        stranger.on("connect_error", told.append)
        with pytest.raises(Refused):
            await stranger.connect(live.url, auth=auth, transports=["websocket"])
        assert told[0]["message"] == "unauthenticated"
        assert told[0]["data"]["code"] == "unauthenticated"
        await stranger.shutdown()
    await mia.connect()
    assert mia.socket.connected


async def test_foreign_origins_are_refused(live: Live) -> None:
    mia = await live.user("mia")
    with pytest.raises(Refused):
        await mia.connect(headers={"Origin": "https://evil.example"}, transports=["polling"])
    await mia.connect(headers={"Origin": live.url})


@pytest.mark.parametrize("overrides", [{"http.trusted_proxies": "127.0.0.0/8"}])
async def test_behind_a_trusted_proxy_the_origin_is_the_one_that_it_tells(live: Live) -> None:
    mia = await live.user("mia")
    page = {"Origin": "https://media.example.org"}
    with pytest.raises(Refused):
        await mia.connect(headers=page, transports=["polling"])
    await mia.connect(headers={**page, "X-Forwarded-Proto": "https", "X-Forwarded-Host": "media.example.org"})


async def test_made_up_proxy_headers_allow_nothing(live: Live) -> None:
    mia = await live.user("mia")
    made_up = {"Origin": "https://evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    with pytest.raises(Refused):
        await mia.connect(headers=made_up, transports=["polling"])


async def test_polling_and_upgrading_clients_are_served_too(live: Live) -> None:
    mia, ben = await live.user("mia"), await live.user("ben")
    await mia.connect(transports=["polling"])
    await ben.connect(transports=["polling", "websocket"])
    session = await live.session(mia)
    assert (await mia.join(session))["ok"]
    assert (await ben.join(session))["ok"]
    await mia.hears("participant.joined")
    await mia.ask("chat.send", {"clientId": "1", "contentType": "Text", "content": "hello"})
    assert (await ben.hears("chat.message"))["content"] == "hello"


@pytest.mark.parametrize("overrides", [{"http.max_connections_per_user": "1"}])
async def test_one_person_holds_so_many_connections_and_no_more(live: Live) -> None:
    mia = await live.connected("mia")
    with pytest.raises(Refused):
        await live.again(mia).connect()


# ------------------------------------------------------------------- bad input


async def test_what_does_not_fit_is_refused_with_every_bad_field(live: Live) -> None:
    mia = await live.connected("mia")
    refused = await mia.ask("session.join", {"kind": "dance", "sessionId": "x", "extra": 1})
    assert refused["ok"] is False and refused["error"]["code"] == "invalid"
    assert {error["loc"] for error in refused["error"]["errors"]} == {"kind", "sessionId", "extra"}
    assert (await mia.ask("session.jion"))["error"]["code"] == "unknown_event"
    assert (await mia.ask("connect", {"REMOTE_ADDR": "x"}))["error"]["code"] == "unknown_event"
    assert (await mia.ask("disconnect", {}))["error"]["code"] == "unknown_event"
    assert (await mia.ask("session.leave", [1]))["error"]["code"] == "invalid"
    assert (await mia.ask("participant.update", {"mute": "yes"}))["error"]["errors"][0]["loc"] == "mute"
    assert (await mia.ask("session.leave"))["error"]["code"] == "not_in_session"


@pytest.mark.parametrize(
    "raw",
    [
        "42{}",
        '42[{"a":1}]',
        "42[]",
        "42[",
        "4",
        "49",
        '451-["x",{"_placeholder":true,"num":0}]',
        "42" + "[" * 5000,
    ],
)
async def test_malformed_packets_end_one_connection_and_no_other(live: Live, raw: str) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    await ben.join(session)
    await ben.socket.eio.ws.send_str(raw)
    assert (await mia.ask("chat.typing"))["ok"]
    assert (await mia.hears("participant.updated"))["participant"]["connection"] == "reconnecting"


# ------------------------------------------------------------------- sessions


async def test_joining_answers_everything_that_a_client_needs(live: Live) -> None:
    mia = await live.connected("mia")
    session = await live.session(mia)
    answer = await mia.join(session)
    assert answer["ok"] and answer["resumed"] is False
    assert answer["session"]["id"] == session.id and answer["session"]["status"] == "live"
    assert [p["username"] for p in answer["snapshot"]["participants"]] == ["mia"]
    assert answer["snapshot"]["participants"][0]["role"] == "moderator"
    assert answer["media"] == {
        "kinds": ["audio", "video"], "sources": ["microphone", "camera", "screen", "screenAudio"],
        "videoCodec": "VP8", "floatingAudioSlots": 3, "generation": 0,
    }  # fmt: skip
    assert answer["chat"] == {"messages": [], "lastSequence": 0, "truncated": False}
    assert (answer["n"], answer["events"], answer["iceServers"]) == (1, None, [])


async def test_a_scheduled_session_waits_for_its_moderator(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    assert (await ben.join(session))["error"]["code"] == "not_started"
    await mia.join(session)
    assert (await ben.join(session))["ok"]
    joined = await mia.hears("participant.joined")
    assert joined["participant"]["username"] == "ben" and joined["n"] == 2


async def test_a_second_tab_takes_over_and_the_first_hears_nothing_more(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    first = await mia.join(session)
    await ben.join(session)
    tab = await live.again(mia).connect()
    second = await tab.join(session)
    assert second["participantId"] == first["participantId"] and second["resumed"] is True
    assert await mia.hears("session.replaced") == {"reason": "another_tab"}
    await ben.ask("participant.update", {"handRaised": True})
    await tab.hears("participant.updated")
    assert mia.events("participant.updated") == []
    assert (await mia.ask("participant.update", {"mute": True}))["error"]["code"] == "not_in_session"


async def test_after_a_broken_connection_what_was_missed_is_replayed(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    joined = await ben.join(session)
    await ben.drop()
    await mia.hears("participant.updated")
    await mia.ask("participant.update", {"handRaised": True})
    await mia.ask("chat.send", {"clientId": "1", "contentType": "Text", "content": "missed"})
    since = {"chat": 0, "epoch": joined["epoch"], "n": joined["n"]}
    back = await (await live.again(ben).connect()).join(session, since=since)
    assert back["resumed"] and back["snapshot"] is None
    assert [event["event"] for event in back["events"]] == ["participant.updated"] * 3
    assert [event["n"] for event in back["events"]] == list(range(joined["n"] + 1, back["n"] + 1))
    assert [message["content"] for message in back["chat"]["messages"]] == ["missed"]


async def test_who_stays_away_has_left_and_the_document_says_so(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    joined = await ben.join(session)
    await ben.drop()
    left = await mia.hears("participant.left")
    assert (left["participantId"], left["reason"]) == (joined["participantId"], "timeout")

    async def closed() -> bool:
        return (await live.ctx.participants.get(joined["participantId"])).left_at is not None

    for _ in range(200):
        if await closed():
            break
        await asyncio.sleep(0.01)
    assert await closed()


async def test_ending_tells_everyone_and_nobody_comes_back(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    await ben.join(session)
    assert (await ben.ask("session.end"))["error"]["code"] == "forbidden"
    assert (await mia.ask("session.end"))["ok"]
    assert (await ben.hears("session.ended"))["reason"] == "ended"
    assert (await ben.join(session))["error"]["code"] == "ended"
    await until(lambda: live.rooms.rooms == 0)


@pytest.mark.parametrize("overrides", [{"rooms.empty_s": "0.2"}])
async def test_a_room_without_people_is_closed_after_a_while_with_its_recording(live: Live) -> None:
    mia = await live.connected("mia")
    session = await live.session(mia)
    await mia.join(session)
    recording = (await mia.ask("recording.start"))["recording"]["id"]
    sweeping = asyncio.create_task(live.rooms.run())
    await until(lambda: live.rooms.rooms == 1)
    await mia.ask("session.leave")
    await until(lambda: live.rooms.rooms == 0)
    sweeping.cancel()
    assert (await live.ctx.recordings.get(recording)).status == "processing"
    assert (await live.ctx.sessions.get(session.id)).status == "live"


async def test_removed_people_are_out(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    target = (await ben.join(session))["participantId"]
    moderated = {"participantId": target, "action": "remove"}
    assert (await ben.ask("participant.moderate", moderated))["error"]["code"] == "forbidden"
    assert (await mia.ask("participant.moderate", moderated))["ok"]
    assert await ben.hears("session.replaced") == {"reason": "removed"}
    assert (await ben.join(session))["error"]["code"] == "removed"


async def test_signing_out_ends_the_socket_and_the_participation(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    await ben.join(session)
    await identity.logout(live.ctx, ben.refresh_token)
    assert await ben.hears("session.replaced") == {"reason": "login_revoked"}
    await until(lambda: not ben.socket.connected, timeout_s=1.0)
    assert (await mia.hears("participant.left"))["reason"] == "left"


async def test_a_deactivated_person_is_out_everywhere(live: Live) -> None:
    mia = await live.connected("mia")
    await identity.set_active(live.ctx, mia.actor.user_id, False)
    await until(lambda: not mia.socket.connected, timeout_s=1.0)
    assert mia.events("session.replaced")[0]["reason"] in ("login_revoked", "deactivated")


async def test_rest_changes_act_on_the_running_room(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    target = (await ben.join(session))["participantId"]
    changed = await live.rooms.patch_participant(mia.actor, "video", session.id, target, {"mute": True})
    assert changed["mute"] is True
    assert (await ben.hears("participant.updated"))["participant"]["mute"] is True
    with pytest.raises(Exception, match="can only mute and hide"):
        await live.rooms.patch_participant(mia.actor, "video", session.id, target, {"mute": False})
    with pytest.raises(Exception, match="Only moderators"):
        other = (await mia.join(session))["participantId"]
        await live.rooms.patch_participant(ben.actor, "video", session.id, other, {"mute": True})


async def test_a_changed_title_is_told(live: Live) -> None:
    mia = await live.connected("mia")
    session = await live.session(mia)
    await mia.join(session)
    stored = await sessions.find(live.ctx, "video", session.id)
    await sessions.update(live.ctx, mia.actor, stored, {"title": "Geometry"})
    assert (await mia.hears("session.updated"))["session"]["title"] == "Geometry"


async def test_another_type_of_session_changes_who_may_publish(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia, "live", type="meeting")
    await mia.join(session)
    await ben.join(session)
    assert (await publish(ben))["ok"]
    stored = await sessions.find(live.ctx, "live", session.id)
    stored = await sessions.update(live.ctx, mia.actor, stored, {"type": "broadcast"})
    await mia.hears("track.unpublished", 3)
    assert (await ben.hears("participant.updated"))["participant"]["canPublish"] is False
    assert (await publish(ben, generation=2))["error"]["code"] == "not_allowed"
    await sessions.update(live.ctx, mia.actor, stored, {"type": "meeting"})
    await until(lambda: ben.events("participant.updated")[-1]["participant"]["canPublish"])
    assert (await publish(ben, generation=2))["ok"]


async def test_who_becomes_an_admin_moderates_at_once_and_who_is_none_any_more_does_not(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    target = (await mia.join(session))["participantId"]
    await ben.join(session)
    mute = {"participantId": target, "action": "mute"}
    assert (await ben.ask("participant.moderate", mute))["error"]["code"] == "forbidden"
    await identity.set_role(live.ctx, ben.actor.user_id, "admin")
    assert (await mia.hears("participant.updated"))["participant"]["role"] == "moderator"
    assert (await ben.ask("participant.moderate", mute))["ok"]
    assert (await ben.ask("recording.start"))["ok"]
    await identity.set_role(live.ctx, ben.actor.user_id, "instructor")
    await until(lambda: mia.events("participant.updated")[-1]["participant"]["role"] == "participant")
    assert (await ben.ask("recording.stop"))["error"]["code"] == "forbidden"
    host = live.rooms.get("video", session.id)
    assert host is not None
    await host.drain(5)
    stored = await live.ctx.participants.find({"sessionId": session.id, "userId": ben.actor.user_id})
    assert [one.role for one in stored] == ["participant"]


async def test_a_new_picture_is_shown_to_all_and_an_old_one_is_no_longer_served(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    assert (await mia.join(session))["snapshot"]["participants"][0]["profileImageUrl"] is None
    stamp = live.ctx.stamp()
    picture = await live.ctx.uploads.add(
        Upload(
            **stamp, owner_user_id=ben.actor.user_id, content_type="image/png", size=3, name="ben.png",
            object_key=f"uploads/{stamp['id']}/ben.png", status="ready",
        )
    )  # fmt: skip
    assert ANYONE.person not in await uploads.who_may_read(live.ctx, [ANYONE.person], picture.id)
    user = await live.ctx.users.get(ben.actor.user_id)
    user = await users.update(live.ctx, ben.actor, user, {"profile_image": picture.id})
    await ben.join(session)
    shown = (await mia.hears("participant.joined"))["participant"]["profileImageUrl"]
    assert f"/files/{picture.object_key}?person=anyone" in shown
    assert ANYONE.person in await uploads.who_may_read(live.ctx, [ANYONE.person], picture.id)
    await users.update(live.ctx, ben.actor, user, {"profile_image": None})
    assert (await mia.hears("participant.updated"))["participant"]["profileImageUrl"] is None
    assert ANYONE.person not in await uploads.who_may_read(live.ctx, [ANYONE.person], picture.id)


# ------------------------------------------------------------------- chat


async def test_chat_is_stored_once_numbered_and_sent_to_all(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    await ben.join(session)
    texts = {"contentType": "Text", "content": "hello"}
    first = await mia.ask("chat.send", {"clientId": "a", **texts})
    again = await mia.ask("chat.send", {"clientId": "a", **texts})
    assert first["message"]["id"] == again["message"]["id"] and first["message"]["sequence"] == 1
    both = await asyncio.gather(
        *(who.ask("chat.send", {"clientId": f"b{n}", **texts}) for n in range(10) for who in (mia, ben))
    )
    assert all(answer["ok"] for answer in both)
    await mia.hears("chat.message", 21)
    await ben.hears("chat.message", 21)
    for someone in (mia, ben):
        assert [message["sequence"] for message in someone.events("chat.message")] == list(range(1, 22))
    late = await live.connected("eva")
    assert [message["sequence"] for message in (await late.join(session))["chat"]["messages"]] == list(
        range(1, 22)
    )


async def test_chat_of_which_nothing_can_be_seen_is_empty(live: Live) -> None:
    mia = await live.connected("mia")
    await mia.join(await live.session(mia))
    blank = ["", "   ", "\u3164", " \u200b\u2060\n", "\u2800", "\ufe0f"]
    for n, content in enumerate(blank):
        said = await mia.ask("chat.send", {"clientId": f"c{n}", "contentType": "Text", "content": content})
        assert said["error"]["errors"] == [{"loc": "content", "msg": "must not be empty"}], ascii(content)
    said = await mia.ask("chat.send", {"clientId": "d", "contentType": "Text", "content": "  👩\u200d🏫 "})
    assert (said["message"]["content"], said["message"]["sequence"]) == ("👩\u200d🏫", 1)


async def test_typing_reaches_the_others(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    await ben.join(session)
    await ben.ask("chat.typing")
    assert (await mia.hears("chat.typing"))["username"] == "ben"


# ------------------------------------------------------------------- media


async def test_publishing_sets_up_the_worker_and_is_told(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    await ben.join(session)
    answer = await publish(mia)
    assert answer["ok"], answer
    assert set(answer["tracks"]) == {"0", "1", "2"} and answer["slots"] == ["3", "4", "5", "6"]
    assert "203.0.113.7 40000 typ host" in answer["sdp"]
    asked = live.workers.worker
    camera = next(track for track in asked.of(m.SetTrack) if track.source == "camera")
    assert camera.rids == ["f", "h", "q"] and camera.enabled and camera.track == answer["tracks"]["1"]
    assert [slot.mid for slot in asked.of(m.SetSlot)] == ["3", "4", "5", "6"]
    assert asked.of(m.OpenTransport)[0].room == f"video:{session.id}"
    await ben.hears("track.published", 3)
    assert {data["track"]["source"] for data in ben.events("track.published")} == {
        "microphone",
        "camera",
        "screen",
    }


async def test_muting_before_publishing_keeps_the_track_shut(live: Live) -> None:
    mia = await live.connected("mia")
    await mia.join(await live.session(mia))
    await mia.ask("participant.update", {"mute": True})
    await publish(mia)
    microphone = live.workers.worker.of(m.SetTrack)[0]
    assert microphone.source == "microphone" and not microphone.enabled
    await mia.ask("participant.update", {"mute": False})
    await until(lambda: live.workers.worker.of(m.EnableTrack))
    assert live.workers.worker.of(m.EnableTrack)[-1] == m.EnableTrack(track=microphone.track, enabled=True)


async def test_a_slot_is_bound_then_resumed_by_the_acknowledgement(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    await ben.join(session)
    tracks = (await publish(mia))["tracks"]
    await publish(ben)
    ben.holds_acknowledgements = True
    answer = await ben.ask("media.subscribe", {"slots": [{"mid": "4", "trackId": tracks["1"], "maxWidth": 640}]})
    assert answer["slots"] == [{"mid": "4", "trackId": tracks["1"], "revision": 1}]
    assigned = await ben.hears("slot.assigned")
    assert assigned["trackId"] == tracks["1"] and assigned["source"] == "camera"
    worker = live.workers.worker
    await until(lambda: worker.of(m.BindSlot))
    assert worker.of(m.BindSlot)[0].max_width == 640 and worker.of(m.ResumeSlot) == []
    ben.holds_acknowledgements = False
    await until(lambda: worker.of(m.ResumeSlot), timeout_s=1.5)
    assert worker.of(m.ResumeSlot)[0].revision == 1
    own = (await ben.ask("media.subscribe", {"slots": [{"mid": "4", "trackId": "0" * 26}]}))["slots"][0]
    assert own["trackId"] is None


async def test_bad_negotiations_say_why(live: Live) -> None:
    mia = await live.connected("mia")
    await mia.join(await live.session(mia))
    ask = lambda **body: mia.ask("media.negotiate", {"generation": 1, "tracks": {}, **body})
    assert (await ask(sdp="v=0\r\nnonsense"))["error"]["code"] == "bad_sdp"
    missing = await ask(sdp=offer())
    assert [error["loc"] for error in missing["error"]["errors"]] == ["tracks.0", "tracks.1", "tracks.2"]
    twice = {mid: {"source": "camera"} for mid in ("0", "1", "2")}
    assert (await ask(sdp=offer(), tracks=twice))["error"]["code"] == "invalid"
    assert (await publish(mia, generation=3))["ok"]
    assert (await publish(mia, generation=2))["error"]["code"] == "stale_generation"
    changed = offer().replace("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 00:")
    assert (await publish(mia, generation=3, sdp=changed))["error"]["code"] == "bad_sdp"


async def test_the_same_generation_renegotiates_and_a_new_ufrag_restarts_ice(live: Live) -> None:
    mia = await live.connected("mia")
    await mia.join(await live.session(mia))
    first = await publish(mia)
    again = await publish(mia)
    worker = live.workers.worker
    assert again["tracks"] == first["tracks"]
    assert (len(worker.of(m.OpenTransport)), len(worker.of(m.SetTrack)), worker.of(m.RestartIce)) == (1, 3, [])
    await publish(mia, sdp=offer().replace("a=ice-ufrag:uIWD", "a=ice-ufrag:NEWU"))
    assert len(worker.of(m.RestartIce)) == 1
    replaced = await publish(mia, generation=2)
    assert replaced["tracks"] != first["tracks"]
    await until(lambda: worker.of(m.CloseTransport))
    assert worker.of(m.CloseTransport)[0].transport == worker.of(m.OpenTransport)[0].transport


async def test_an_audio_session_takes_no_video_and_a_broadcast_no_listeners(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    await mia.join(await live.session(mia, "audio"))
    assert (await publish(mia))["error"]["code"] == "not_allowed"
    session = await live.session(mia, "live", type="broadcast")
    await mia.join(session)
    target = (await ben.join(session))["participantId"]
    assert (await publish(ben))["error"]["code"] == "not_allowed"
    await mia.ask("participant.moderate", {"participantId": target, "action": "promote"})
    assert (await publish(ben))["ok"]


async def test_a_dead_worker_means_a_reset_and_another_worker(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    await ben.join(session)
    await publish(mia)
    dead = live.workers.kill()
    assert await mia.hears("media.reset") == {"generation": 2}
    await ben.hears("track.unpublished", 3)
    assert (await publish(mia, generation=2))["ok"]
    assert len(live.workers.worker.of(m.SetTrack)) == 3 and len(dead.of(m.OpenTransport)) == 1
    await ben.hears("track.published", 6)
    assert ben.events("media.reset") == []


async def test_a_worker_that_dies_during_a_negotiation_is_unavailable_for_a_moment(live: Live) -> None:
    mia = await live.connected("mia")
    await mia.join(await live.session(mia))
    worker = live.workers.worker
    worker.hold = asyncio.Event()
    negotiating = asyncio.create_task(publish(mia))
    await until(lambda: live.rooms.get("video", next(iter(live.rooms._rooms.values())).room.session.id).worker)
    live.workers.kill()
    worker.hold.set()
    assert (await negotiating)["error"]["code"] == "media_unavailable"
    assert (await publish(mia))["ok"]


async def test_a_slow_media_worker_holds_up_nothing_but_media(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    await ben.join(session)
    live.workers.worker.hold = asyncio.Event()
    negotiating = asyncio.create_task(publish(mia))
    subscribing = asyncio.create_task(mia.ask("media.subscribe", {"slots": [{"mid": "3", "trackId": "auto"}]}))
    said = await mia.ask("chat.send", {"clientId": "1", "contentType": "Text", "content": "still here"})
    assert said["ok"] and (await ben.hears("chat.message"))["content"] == "still here"
    assert (await mia.ask("participant.update", {"mute": True}))["participant"]["mute"] is True
    assert not negotiating.done() and not subscribing.done()
    live.workers.worker.hold.set()
    assert (await negotiating)["ok"] and (await subscribing)["ok"]  # in order: the slot is of this offer
    microphone = live.workers.worker.of(m.SetTrack)[0]
    assert microphone.source == "microphone" and not microphone.enabled  # muted meanwhile


@pytest.mark.parametrize("overrides", [{"signalling.event_burst": "1000"}])
async def test_media_that_is_under_way_ends_when_its_client_leaves(live: Live) -> None:
    mia = await live.connected("mia")
    session = await live.session(mia)
    await mia.join(session)
    worker = live.workers.worker
    worker.hold = asyncio.Event()
    asked = [asyncio.create_task(publish(mia)) for _ in range(9)]
    assert (await asked[8])["error"]["code"] == "busy"
    assert (await mia.ask("session.leave"))["ok"]
    assert {answer["error"]["code"] for answer in await asyncio.gather(*asked[:8])} == {"not_in_session"}
    worker.hold.set()
    assert (await mia.join(session))["media"]["generation"] == 0
    assert (await publish(mia))["ok"]
    assert (await mia.ask("session.leave"))["ok"]


async def test_a_transport_that_fails_is_made_anew_and_one_that_the_client_closed_is_not(live: Live) -> None:
    mia = await live.connected("mia")
    await mia.join(await live.session(mia))
    await publish(mia)
    transport = live.workers.worker.of(m.OpenTransport)[-1].transport
    live.workers.event(m.TransportChanged(transport=transport, state="closed", reason="dtls_failed"))
    assert await mia.hears("media.reset") == {"generation": 2}
    await publish(mia, generation=2)
    transport = live.workers.worker.of(m.OpenTransport)[-1].transport
    live.workers.event(m.TransportChanged(transport=transport, state="closed", reason="client_closed"))
    await mia.hears("track.unpublished", 6)
    assert len(mia.events("media.reset")) == 1


async def test_speakers_are_told_and_automatic_slots_follow(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    await ben.join(session)
    tracks = (await publish(mia))["tracks"]
    await publish(ben)
    await ben.ask(
        "media.subscribe", {"slots": [{"mid": "3", "trackId": "auto"}, {"mid": "4", "trackId": "auto"}]}
    )
    await ben.hears("slot.assigned", 2)
    assert {slot["source"] for slot in ben.events("slot.assigned")} == {"microphone", "screen"}
    live.workers.event(m.SpeakersChanged(room=f"video:{session.id}", tracks=[tracks["0"], "unknown"]))
    assert await ben.hears("speaker.active") == {"speakers": [tracks["0"]]}
    slot = live.workers.worker.of(m.SetSlot)[-1]
    live.workers.event(m.SlotUnsupported(transport=slot.transport, mid="4", track=tracks["1"]))
    assert await ben.hears("slot.unsupported") == {"mid": "4", "trackId": tracks["1"]}
    live.workers.event(m.SlotSuspended(transport=slot.transport, mid="4", track=tracks["1"], suspended=True))
    expected = {"mid": "4", "trackId": tracks["1"], "suspended": True, "reason": "bandwidth"}
    assert await ben.hears("slot.suspended") == expected


# ------------------------------------------------------------------- recording


async def test_a_recording_takes_what_is_and_what_comes(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    await ben.join(session)
    await publish(mia)
    assert (await ben.ask("recording.start"))["error"]["code"] == "forbidden"
    started = await mia.ask("recording.start")
    assert started["recording"]["status"] == "recording"
    assert (await mia.ask("recording.start"))["error"]["code"] == "already_recording"
    assert (await ben.hears("recording.started"))["recording"]["id"] == started["recording"]["id"]
    await until(lambda: live.recorder.heard().count("add") == 3)
    await until(lambda: len(live.workers.worker.of(m.TapTrack)) == 3)
    await publish(ben)
    await until(lambda: live.recorder.heard().count("add") == 6)
    await ben.ask("participant.update", {"mute": True})
    await until(lambda: "mark" in live.recorder.heard())
    live.recorder.come_back()
    await until(lambda: live.recorder.heard().count("add") == 12)
    stopped = await mia.ask("recording.stop")
    assert stopped["recording"]["status"] == "processing"
    await until(lambda: live.recorder.heard()[-1] == "stop")
    assert len(live.workers.worker.of(m.UntapTrack)) == 6
    assert (await mia.ask("recording.stop"))["error"]["code"] == "not_recording"


async def test_a_recorder_that_cannot_begin_leaves_no_running_recording(live: Live) -> None:
    mia = await live.connected("mia")
    await mia.join(await live.session(mia))
    live.recorder.refuses = Unavailable("disk_full", "only 3 MiB of disk are free")
    assert (await mia.ask("recording.start"))["error"]["code"] == "recording_unavailable"
    live.recorder.refuses = None
    assert (await mia.ask("recording.start"))["ok"]


async def test_a_room_is_told_that_its_recording_will_stop_and_why_it_did(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    await ben.join(session)
    recording = (await mia.ask("recording.start"))["recording"]["id"]
    live.rooms.recording_warned("another", 60.0)
    live.rooms.recording_warned(recording, 60.0)
    told = (await ben.hears("recording.warning"))["recording"]
    assert (told["id"], told["status"], told["warning"]["reason"]) == (recording, "recording", "disk_reserve")
    ends_in = datetime.fromisoformat(told["warning"]["endsAt"]) - datetime.now(UTC)
    assert timedelta(seconds=30) < ends_in <= timedelta(seconds=60)
    live.rooms.recording_lost(recording, "disk_reserve", "the disk is full soon")
    stopped = await ben.hears("recording.stopped")
    assert (stopped["reason"], stopped["recording"]["warning"]) == ("disk_reserve", None)
    assert len(ben.events("recording.warning")) == 1


async def test_a_recording_that_the_disk_refuses_is_over_for_everyone_at_once(live: Live) -> None:
    mia, ben = await live.connected("mia"), await live.connected("ben")
    session = await live.session(mia)
    await mia.join(session)
    await ben.join(session)
    recording = (await mia.ask("recording.start"))["recording"]["id"]
    live.rooms.recording_lost("another", "disk_full", "not this one")
    live.rooms.recording_lost(recording, "disk_full", "the disk refused it: no space left")
    told = await ben.hears("recording.stopped")
    assert (told["recording"]["id"], told["recording"]["status"], told["reason"]) == (
        recording,
        "processing",
        "disk_full",
    )
    assert told["recording"]["endTime"] is not None
    host = live.rooms.get("video", session.id)
    assert host is not None
    await host.drain(5)
    document = await live.ctx.recordings.get(recording)
    assert document.status == "processing" and document.end_time is not None
    assert (await mia.ask("recording.stop"))["error"]["code"] == "not_recording"
    late = await live.connected("eva")
    assert (await late.join(session))["snapshot"]["recording"]["status"] == "processing"
    assert (await mia.ask("recording.start"))["ok"]
    assert len(ben.events("recording.stopped")) == 1


async def test_ending_a_session_ends_its_recording(live: Live) -> None:
    mia = await live.connected("mia")
    await mia.join(await live.session(mia))
    await publish(mia)
    recording = (await mia.ask("recording.start"))["recording"]["id"]
    await mia.ask("session.end")
    await until(lambda: "stop" in live.recorder.heard())
    assert (await live.ctx.recordings.get(recording)).status == "processing"


# ------------------------------------------------------------------- shutdown


async def test_a_shutdown_is_announced(live: Live) -> None:
    mia = await live.connected("mia")
    await mia.join(await live.session(mia))
    await live.rooms.shutdown()
    await live.signalling.shutdown()
    assert await mia.hears("session.closing") == {"reason": "shutdown"}
    await until(lambda: not mia.socket.connected)
