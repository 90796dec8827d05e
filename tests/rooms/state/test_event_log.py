"""Replaying what was missed gives the very state that a snapshot gives."""

import contextlib
import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mediaserver.base.errors import Problem
from mediaserver.rooms.state.event_log import EventLog, Since
from tests.rooms.stories import mia, person, publish, room


class Client:
    """The state as a client keeps it, from a snapshot and events."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.participants = {p["id"]: p for p in snapshot["participants"]}
        self.tracks = {t["id"]: t for t in snapshot["tracks"]}
        self.recording = snapshot["recording"]

    def apply(self, event: str, data: dict[str, Any]) -> None:
        match event:
            case "participant.joined" | "participant.updated":
                self.participants[data["participant"]["id"]] = data["participant"]
            case "participant.left":
                del self.participants[data["participantId"]]
            case "track.published" | "track.updated":
                self.tracks[data["track"]["id"]] = data["track"]
            case "track.unpublished":
                del self.tracks[data["trackId"]]
            case "recording.started" | "recording.warning":
                self.recording = data["recording"]
            case "recording.stopped" | "recording.ready" | "recording.failed":
                if self.recording and self.recording["id"] == data["recording"]["id"]:
                    self.recording = data["recording"] if event == "recording.stopped" else None

    def state(self) -> tuple[Any, ...]:
        return self.participants, self.tracks, self.recording


NAMES = st.sampled_from(["mia", "ben", "eva"])
STEPS = st.one_of(
    st.tuples(st.just("join"), NAMES),
    st.tuples(st.just("lose"), NAMES),
    st.tuples(st.just("leave"), NAMES),
    st.tuples(st.just("publish"), NAMES, st.sets(st.sampled_from(["microphone", "camera", "screen"]))),
    st.tuples(st.just("update"), NAMES, st.sampled_from(["mute", "video_visible", "hand_raised"]), st.booleans()),
    st.tuples(st.just("moderate"), NAMES, st.sampled_from(["mute", "hideVideo", "remove", "lowerHand"])),
    st.tuples(st.just("record"), st.sampled_from(["started", "stopped", "ready"])),
    st.tuples(st.just("warn"), st.sampled_from([None, {"reason": "disk_reserve", "endsAt": "later"}])),
    st.tuples(st.just("wait"), st.floats(0, 40)),
)


def perform(r: Any, step: tuple[Any, ...], now: float) -> None:
    match step:
        case ("join", name):
            r.join(mia() if name == "mia" else person(name), f"s-{name}", now)
        case ("lose", name):
            r.lost(f"s-{name}", now)
        case ("leave", name):
            r.leave(f"p-{name}", "left", now)
        case ("publish", name, sources) if f"p-{name}" in r.members:
            publish(r, name, *sorted(sources), now=now)
        case ("update", name, flag, value):
            r.update(f"p-{name}", {flag: value}, now)
        case ("moderate", name, action):
            r.moderate("p-mia", f"p-{name}", action, now)
        case ("record", what):
            r.recording_changed(f"recording.{what}", {"id": "R1", "status": what})
        case ("warn", warning):
            r.recording_warned("R1", warning, now)


@given(st.lists(STEPS, max_size=30), st.integers(0, 30))
def test_events_since_any_point_lead_to_the_present_state(steps: list[tuple[Any, ...]], seen_after: int) -> None:
    r, now = room(), 0.0
    seen, n = copy.deepcopy(r.snapshot()), 0
    for number, step in enumerate(steps):
        now += step[1] if step[0] == "wait" else 0.1
        with contextlib.suppress(Problem):
            perform(r, step, now)
        r.expire(now)
        if number == seen_after:
            seen, n = copy.deepcopy(r.snapshot()), r.log.n
    client = Client(seen)
    answer = r.state_since(Since(0, "E1", n))
    assert answer["events"] is not None
    assert [event["n"] for event in answer["events"]] == list(range(n + 1, r.log.n + 1))
    for event in answer["events"]:
        client.apply(event["event"], event["data"])
    assert client.state() == Client(r.snapshot()).state()


@given(st.integers(0, 40), st.integers(-1, 45), st.integers(1, 10))
def test_a_replay_is_complete_or_refused(count: int, n: int, memory: int) -> None:
    log = EventLog("E", memory)
    for number in range(count):
        log.append("x", {"number": number})
    events = log.since("E", n)
    if n < 0 or n > count or count - n > memory:
        assert events is None
    else:
        assert events is not None
        assert [event["data"]["number"] for event in events] == list(range(n, count))
