"""Who carries whom: wishes, acknowledgements, and slots that follow the speakers."""

import pytest

from mediaserver.base.errors import Forbidden, Invalid
from mediaserver.rooms.state import effects as fx
from mediaserver.rooms.state.room import Room
from mediaserver.rooms.state.slots import Wish
from tests.rooms.stories import mia, of_type, person, publish, room

SLOTS = {"10": "audio", "11": "audio", "20": "video"}


def class_of(*names: str) -> Room:
    """Mia with three slots, and others with microphone and camera."""
    r = room()
    r.join(mia(), "s-mia", 0.0)
    publish(r, "mia", slots=SLOTS)
    for name in names:
        r.join(person(name), f"s-{name}", 0.0)
        publish(r, name, "microphone", "camera")
    return r


def wish(r: Room, *wishes: Wish, now: float = 2.0) -> list[fx.Effect]:
    return r.stage.subscribe(r.members["p-mia"], wishes, now)


def carried(r: Room) -> dict[str, str | None]:
    return {mid: slot.track for mid, slot in r.members["p-mia"].slots.by_mid.items()}


def test_a_slot_pauses_tells_and_resumes_with_the_acknowledgement() -> None:
    r = class_of("ben")
    bind, assign = wish(r, Wish("20", "ben/camera", 640, 360))
    assert bind == fx.Bind("t-mia-1", "20", "ben/camera", 1, 640, 360)
    assert assign.data == {
        "mid": "20", "trackId": "ben/camera", "participantId": "p-ben", "source": "camera", "revision": 1,
    }  # fmt: skip
    mia_ = r.members["p-mia"]
    assert r.stage.acknowledged(mia_, "20", 0) == []
    assert r.stage.acknowledged(mia_, "20", 1) == [fx.Resume("t-mia-1", "20", 1)]
    assert r.stage.acknowledged(mia_, "20", 1) == []


def test_without_acknowledgement_it_goes_on_after_2_seconds() -> None:
    r = class_of("ben")
    wish(r, Wish("20", "ben/camera"), now=2.0)
    assert r.deadline(2.0) == 4.0
    assert r.expire(3.9) == []
    assert r.expire(4.0) == [fx.Resume("t-mia-1", "20", 1)]


def test_rebinding_at_once_makes_the_first_acknowledgement_void() -> None:
    r = class_of("ben", "eva")
    wish(r, Wish("20", "ben/camera"))
    wish(r, Wish("20", "eva/camera"))
    assert r.stage.acknowledged(r.members["p-mia"], "20", 1) == []
    assert r.stage.acknowledged(r.members["p-mia"], "20", 2) == [fx.Resume("t-mia-1", "20", 2)]


def test_the_same_wish_again_changes_nothing_and_another_size_needs_no_acknowledgement() -> None:
    r = class_of("ben")
    wish(r, Wish("20", "ben/camera"))
    r.stage.acknowledged(r.members["p-mia"], "20", 1)
    assert wish(r, Wish("20", "ben/camera")) == []
    assert wish(r, Wish("20", "ben/camera", 320, 180)) == [
        fx.Bind("t-mia-1", "20", "ben/camera", 1, 320, 180),
        fx.Resume("t-mia-1", "20", 1),
    ]


def test_a_paused_slot_stays_silent_until_it_is_wanted() -> None:
    r = class_of("ben")
    wish(r, Wish("20", "ben/camera", paused=True))
    assert r.stage.acknowledged(r.members["p-mia"], "20", 1) == []
    assert wish(r, Wish("20", "ben/camera")) == [fx.Resume("t-mia-1", "20", 1)]
    assert wish(r, Wish("20", "ben/camera", paused=True)) == [fx.Pause("t-mia-1", "20")]


def test_when_a_track_ends_its_slots_are_empty() -> None:
    r = class_of("ben")
    wish(r, Wish("20", "ben/camera"))
    done = r.leave("p-ben", "left", 5.0)
    assert fx.Bind("t-mia-1", "20", None, 2, None, None) in done
    assert of_type(done, fx.Assign)[0].data["trackId"] is None


def test_wishes_that_make_no_sense_are_refused_or_empty() -> None:
    r = class_of("ben")
    with pytest.raises(Invalid):
        wish(r, Wish("99", "ben/camera"))
    with pytest.raises(Invalid):
        wish(r, Wish("10", "ben/camera"))
    publish(r, "mia", "camera", slots=SLOTS)
    with pytest.raises(Forbidden):
        wish(r, Wish("20", "mia/camera"))
    wish(r, Wish("20", "gone/camera"))
    assert carried(r)["20"] is None


def test_automatic_audio_slots_are_filled_before_anyone_speaks() -> None:
    r = class_of("ben", "eva", "tom")
    wish(r, Wish("10", "auto"), Wish("11", "auto"))
    assert carried(r) == {"10": "ben/microphone", "11": "eva/microphone", "20": None}


def test_a_new_speaker_takes_the_slot_of_the_quietest_but_not_before_its_time() -> None:
    r = class_of("ben", "eva", "tom")
    wish(r, Wish("10", "auto"), Wish("11", "auto"), now=2.0)
    r.stage.speakers_changed(["tom/microphone", "ben/microphone"], 2.5)
    assert carried(r)["11"] == "eva/microphone"
    assert r.deadline(2.5) == 3.0
    r.expire(3.0)
    assert carried(r) == {"10": "ben/microphone", "11": "tom/microphone", "20": None}
    r.stage.speakers_changed([], 9.0)
    assert carried(r) == {"10": "ben/microphone", "11": "tom/microphone", "20": None}


def test_what_another_slot_carries_is_not_carried_twice() -> None:
    r = class_of("ben", "eva")
    wish(r, Wish("10", "ben/microphone"), Wish("11", "auto"))
    assert carried(r)["11"] == "eva/microphone"


def test_the_automatic_video_slot_shows_the_speaker_and_a_screen_first() -> None:
    r = class_of("ben", "eva")
    wish(r, Wish("20", "auto"), now=2.0)
    assert carried(r)["20"] == "ben/camera"
    r.stage.speakers_changed(["eva/microphone"], 5.0)
    assert carried(r)["20"] == "eva/camera"
    publish(r, "ben", "microphone", "camera", "screen", now=8.0)
    assert carried(r)["20"] == "ben/screen"
    publish(r, "ben", "microphone", "camera", now=11.0)
    assert carried(r)["20"] == "eva/camera"


def test_who_comes_back_is_told_what_the_slots_carry() -> None:
    r = class_of("ben")
    wish(r, Wish("20", "ben/camera"))
    r.lost("s-mia", 3.0)
    told = of_type(r.join(mia(), "s-mia-2", 4.0), fx.Assign)
    assert {(a.socket, a.mid, a.data["trackId"]) for a in told} == {
        ("s-mia-2", "10", None), ("s-mia-2", "11", None), ("s-mia-2", "20", "ben/camera"),
    }  # fmt: skip


def test_a_slot_that_the_next_offer_leaves_out_is_unbound() -> None:
    r = class_of("ben")
    wish(r, Wish("20", "ben/camera"))
    done = publish(r, "mia", slots={"10": "audio"})
    assert fx.Bind("t-mia-1", "20", None, 2, None, None) in done
    assert list(carried(r)) == ["10"]
