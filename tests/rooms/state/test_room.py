"""People in a room: coming, going, being moderated."""

import pytest

from mediaserver.base.errors import Conflict, Forbidden, NotFound
from mediaserver.rooms.state import effects as fx
from mediaserver.rooms.state.event_log import Since
from tests.rooms.stories import events, mia, of_type, person, publish, room


def test_whoever_joins_is_announced_and_in_the_snapshot() -> None:
    r = room()
    assert events(r.join(mia(), "s1", 0.0)) == ["participant.joined"]
    r.join(person("ben"), "s2", 1.0)
    assert [p["username"] for p in r.snapshot()["participants"]] == ["mia", "ben"]
    assert r.log.n == 2


def test_a_full_room_takes_nobody_but_those_who_are_in_it() -> None:
    r = room(capacity=1)
    r.join(mia(), "s1", 0.0)
    with pytest.raises(Conflict) as caught:
        r.join(person("ben"), "s2", 1.0)
    assert caught.value.code == "room_full"
    r.join(mia(), "s3", 2.0)
    assert len(r.members) == 1


def test_a_second_tab_replaces_the_first_and_nobody_else_notices() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    assert r.join(mia(), "s2", 1.0) == [
        fx.Send("s1", "session.replaced", {"reason": "another_tab"}),
        fx.Detach("s1"),
    ]
    assert r.members["p-mia"].socket == "s2"
    assert r.lost("s1", 2.0) == []


def test_a_lost_connection_has_30_seconds_to_return() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    r.join(person("ben"), "s2", 0.0)
    assert events(r.lost("s2", 10.0)) == ["participant.updated"]
    assert r.members["p-ben"].wire()["connection"] == "reconnecting"
    assert r.deadline(10.0) == 40.0
    assert r.expire(39.9) == []
    assert events(r.join(person("ben"), "s3", 39.9)) == ["participant.updated"]
    assert r.expire(50.0) == []
    r.lost("s3", 60.0)
    gone = r.expire(90.0)
    assert events(gone) == ["participant.left"]
    assert of_type(gone, fx.Left) == [fx.Left("p-ben", "timeout")]


def test_who_leaves_takes_their_media_along() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    publish(r, "mia", "microphone", "camera")
    gone = r.leave("p-mia", "left", 5.0)
    assert events(gone) == ["track.unpublished", "track.unpublished", "participant.left"]
    assert of_type(gone, fx.CloseTransport) == [fx.CloseTransport("t-mia-1")]
    assert r.empty_since == 5.0 and r.stage.tracks == {}


def test_mute_stops_the_packets_and_is_told() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    publish(r, "mia", "microphone")
    done = r.update("p-mia", {"mute": True}, 2.0)
    assert events(done) == ["participant.updated", "track.updated"]
    assert fx.EnableTrack("mia/microphone", False) in done
    assert fx.Save("p-mia", {"mute": True}) in done
    assert r.update("p-mia", {"mute": True}, 3.0) == []


def test_who_mutes_before_publishing_is_published_muted() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    r.update("p-mia", {"mute": True}, 0.5)
    publish(r, "mia", "microphone")
    assert r.stage.tracks["mia/microphone"].enabled is False


def test_publishing_a_camera_shows_it_unless_it_was_hidden_expressly() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    publish(r, "mia", "camera")
    assert r.members["p-mia"].video_visible
    publish(r, "mia")
    assert not r.members["p-mia"].video_visible
    r.update("p-mia", {"video_visible": False}, 3.0)
    publish(r, "mia", "camera")
    assert not r.stage.tracks["mia/camera"].enabled


def test_muted_while_the_negotiation_was_under_way_is_muted_after_it() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    r.update("p-mia", {"mute": True}, 0.5)
    late = [fx.Published("t1", "0", "microphone", "audio", True)]
    assert fx.EnableTrack("t1", False) in r.negotiated("p-mia", 1, "t", late, {}, 1.0)


def test_an_audio_session_has_no_video() -> None:
    r = room("audio")
    r.join(mia(), "s1", 0.0)
    with pytest.raises(Forbidden):
        r.stage.check_may_publish(r.members["p-mia"], "camera")
    with pytest.raises(Forbidden):
        r.update("p-mia", {"video_visible": True}, 1.0)
    r.stage.check_may_publish(r.members["p-mia"], "microphone")


def test_in_a_broadcast_a_promoted_listener_may_publish_until_demoted() -> None:
    r = room("live", "broadcast")
    r.join(mia(), "s1", 0.0)
    r.join(person("ben", publish=False), "s2", 0.0)
    with pytest.raises(Forbidden):
        r.stage.check_may_publish(r.members["p-ben"], "microphone")
    promoted = r.moderate("p-mia", "p-ben", "promote", 1.0)
    assert fx.Save("p-ben", {"promoted": True}) in promoted
    r.stage.check_may_publish(r.members["p-ben"], "microphone")
    publish(r, "ben", "microphone")
    assert events(r.moderate("p-mia", "p-ben", "demote", 2.0)) == ["participant.updated", "track.unpublished"]


def test_moderators_mute_hide_and_lower_and_nobody_else_does() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    r.join(person("ben"), "s2", 0.0)
    publish(r, "ben", "microphone", "camera", "screen")
    r.update("p-ben", {"hand_raised": True}, 1.0)
    for action in ("mute", "hideVideo", "stopScreen", "lowerHand"):
        r.moderate("p-mia", "p-ben", action, 2.0)
    ben = r.members["p-ben"]
    assert (ben.mute, ben.video_visible, ben.cast_screen, ben.hand_raised) == (True, False, False, False)
    assert not any(track.enabled for track in r.stage.tracks.values())
    with pytest.raises(Forbidden):
        r.moderate("p-ben", "p-mia", "mute", 3.0)
    with pytest.raises(NotFound):
        r.moderate("p-mia", "p-nobody", "mute", 3.0)


def test_the_removed_do_not_come_back() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    r.join(person("ben"), "s2", 0.0)
    done = r.moderate("p-mia", "p-ben", "remove", 1.0)
    assert done[0] == fx.Send("s2", "session.replaced", {"reason": "removed"})
    assert fx.Left("p-ben", "removed") in done
    with pytest.raises(Forbidden) as caught:
        r.join(person("ben"), "s3", 2.0)
    assert caught.value.code == "removed"


def test_the_end_is_told_once_and_closes_everything() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    publish(r, "mia", "microphone")
    done = r.end("ended", 2.0)
    assert events(done)[0] == "session.ended"
    assert done.index(fx.Detach("s1")) < done.index(fx.Left("p-mia", "ended"))
    assert r.end("ended", 3.0) == []
    with pytest.raises(Conflict):
        r.join(mia(), "s2", 4.0)


def test_typing_is_told_once_a_second() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    assert [events(r.typing("p-mia", t)) for t in (1.0, 1.9, 2.0)] == [["chat.typing"], [], ["chat.typing"]]


def test_a_recording_takes_all_tracks_and_the_later_ones() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    publish(r, "mia", "microphone")
    begun = r.recording_changed("recording.started", {"id": "R1", "status": "recording"})
    assert of_type(begun, fx.TrackBegun) == [fx.TrackBegun("mia/microphone")]
    assert fx.TrackBegun("mia/camera") in publish(r, "mia", "microphone", "camera")
    assert fx.TrackMarked("mia/microphone", False) in r.update("p-mia", {"mute": True}, 2.0)
    assert fx.TrackOver("mia/camera") in publish(r, "mia", "microphone")
    r.recording_changed("recording.stopped", {"id": "R1", "status": "processing"})
    assert of_type(publish(r, "mia", "microphone", "camera"), fx.TrackBegun) == []
    r.recording_changed("recording.ready", {"id": "R1", "status": "ready"})
    assert r.snapshot()["recording"] is None


def test_a_warned_recording_tells_why_and_when_it_ends_also_to_those_who_join_later() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    warning = {"reason": "disk_reserve", "endsAt": "2026-11-30T12:00:00.000Z"}
    assert r.recording_warned("R1", warning, 1.0) == []
    r.recording_changed("recording.started", {"id": "R1", "status": "recording", "warning": None})
    assert r.recording_warned("another", warning, 2.0) == []
    assert events(r.recording_warned("R1", warning, 2.0)) == ["recording.warning"]
    assert r.snapshot()["recording"]["warning"] == warning
    assert events(r.recording_warned("R1", None, 3.0)) == ["recording.warning"]
    assert r.snapshot()["recording"]["warning"] is None
    r.recording_changed("recording.stopped", {"id": "R1", "status": "processing"})
    assert r.recording_warned("R1", warning, 4.0) == []


def test_a_dead_worker_asks_everyone_for_a_new_connection() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    r.join(person("ben"), "s2", 0.0)
    publish(r, "mia", "microphone", generation=4)
    done = r.media_lost(list(r.members.values()), 5.0)
    assert of_type(done, fx.Send) == [fx.Send("s1", "media.reset", {"generation": 5})]
    assert of_type(done, fx.CloseTransport) == [] and r.stage.tracks == {}


def test_state_since_a_known_event_is_replayed_and_else_is_a_snapshot() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    r.update("p-mia", {"hand_raised": True}, 1.0)
    replay = r.state_since(Since(0, "E1", 1))
    assert replay["snapshot"] is None
    assert [e["n"] for e in replay["events"]] == [2]
    assert r.state_since(Since(0, "E1", 2))["events"] == []
    assert r.state_since(Since(0, "E0", 2))["snapshot"] is not None
    assert r.state_since(Since(0, "E1", 9))["snapshot"] is not None
    assert r.state_since(Since())["snapshot"] is not None


def test_a_version_of_the_session_that_comes_late_or_twice_is_passed_over() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    first, second = (r.session.model_copy(update={"revision": n, "title": f"Version {n}"}) for n in (1, 2))
    assert events(r.session_updated(second, {}, 1.0)) == ["session.updated"]
    assert r.session_updated(second, {}, 2.0) == r.session_updated(first, {}, 3.0) == []
    assert r.session == second


def test_a_publisher_is_told_that_a_track_is_limited() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    r.join(person("ben"), "s2", 0.0)
    publish(r, "mia", "camera")
    assert r.track_limited("mia/camera", "bitrate", False, 5.0) == [
        fx.Send("s1", "track.limited", {"trackId": "mia/camera", "reason": "bitrate"})
    ]
    r.lost("s1", 6.0)
    assert r.track_limited("mia/camera", "bitrate", False, 7.0) == []


def test_a_track_that_exceeds_its_limit_for_too_long_is_ended_with_the_reason() -> None:
    r = room()
    r.join(mia(), "s1", 0.0)
    publish(r, "mia", "microphone", "camera")
    done = r.track_limited("mia/camera", "packet_rate", True, 15.0)
    assert events(done) == ["track.unpublished", "participant.updated"]
    told = of_type(done, fx.Broadcast)[0].data
    assert (told["trackId"], told["reason"]) == ("mia/camera", "packet_rate")
    assert fx.CloseTrack("mia/camera") in done
    assert list(r.stage.tracks) == ["mia/microphone"] and not r.members["p-mia"].video_visible
    assert r.track_limited("mia/camera", "packet_rate", True, 16.0) == []
