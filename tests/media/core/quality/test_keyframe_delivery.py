"""From a publisher's packets, lost, late and doubled on their way, to subscribers that got a whole keyframe."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.media.core.feedback.nack import LossTracker
from mediaserver.media.core.packets.sequence import newer
from mediaserver.media.core.quality.keyframe_delivery import (
    MAX_AGE_S,
    PATIENCE_S,
    KeyframeDelivery,
    Part,
    Progress,
)
from mediaserver.media.core.quality.keyframe_requests import BURST, LONG_RUN_PER_S, KeyframeRequests


@dataclass(eq=False)
class Viewer:
    is_ready: bool = True


class Stream:
    """Packets by number, as a cache holds them."""

    def __init__(self) -> None:
        self.parts: dict[int, Part] = {}
        self.delivery: KeyframeDelivery[Viewer] = KeyframeDelivery(lambda number, now: self.parts.get(number))
        self.begun: list[tuple[Viewer, int]] = []
        self.whole: list[float] = []

    def arrive(self, number: int, part: Part, now: float = 1.0) -> Progress[Viewer]:
        self.parts[number] = part
        progress = self.delivery.arrived(number, part, now)
        self.begun += [(one, progress.first) for one in progress.begun]
        if progress.whole_since_s is not None:
            self.whole.append(progress.whole_since_s)
        return progress


def vp8_frame(first: int, count: int, timestamp: int, *, keyframe: bool = True) -> dict[int, Part]:
    return {
        first + at & 0xFFFF: Part(
            timestamp, at == count - 1, opens=keyframe and at == 0, picture=keyframe and at == 0
        )
        for at in range(count)
    }


def h264_frame(first: int, timestamp: int, kinds: Iterable[str]) -> dict[int, Part]:
    """By packet: "s" SPS, "p" PPS or SEI, "a" SPS, PPS and IDR, "i" the start of an IDR slice, "f" more of it."""
    kinds = list(kinds)
    return {
        first + at & 0xFFFF: Part(timestamp, at == len(kinds) - 1, opens=kind in "sa", picture=kind in "ia")
        for at, kind in enumerate(kinds)
    }


FRAMES: list[Callable[[int, int], dict[int, Part]]] = [
    lambda first, timestamp: vp8_frame(first, 1, timestamp),
    lambda first, timestamp: vp8_frame(first, 3, timestamp),
    lambda first, timestamp: vp8_frame(first, 40, timestamp),
    lambda first, timestamp: h264_frame(first, timestamp, "a"),
    lambda first, timestamp: h264_frame(first, timestamp, "spiff"),
    lambda first, timestamp: h264_frame(first, timestamp, "spiffiffi"),
    lambda first, timestamp: h264_frame(first, timestamp, "siff"),
]


@pytest.mark.parametrize("first", [10, 0xFFFE, 0])
@pytest.mark.parametrize("frame", FRAMES)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_a_keyframe_in_any_order_is_begun_at_its_first_packet(
    frame: Callable[[int, int], dict[int, Part]], first: int, data: st.DataObject
) -> None:
    stream, viewer = Stream(), Viewer()
    before = vp8_frame(first - 1 & 0xFFFF, 1, 1000, keyframe=False)
    parts = before | frame(first, 4000)
    stream.delivery.wait(viewer)
    assert stream.delivery.is_lacking
    for number in data.draw(st.permutations(list(parts))):
        stream.arrive(number, parts[number])
    assert stream.begun == [(viewer, first)]
    assert (len(stream.whole), stream.delivery.is_lacking, stream.delivery.is_open) == (1, False, False)


def test_a_picture_without_parameter_sets_begins_after_the_frame_before_it() -> None:
    """Its parameter sets are in the SDP. Whether it is the frame's first packet shows in the one before it."""
    stream, viewer = Stream(), Viewer()
    stream.delivery.wait(viewer)
    for number, part in h264_frame(20, 4000, "iff").items():
        stream.arrive(number, part)
    assert not stream.begun
    stream.arrive(19, Part(1000, True, opens=False, picture=False))
    assert stream.begun == [(viewer, 20)]
    assert not stream.delivery.is_lacking


def test_who_comes_in_the_middle_of_a_keyframe_gets_all_of_it() -> None:
    stream, viewer = Stream(), Viewer()
    parts = vp8_frame(10, 3, 4000)
    stream.arrive(10, parts[10])
    stream.arrive(11, parts[11])
    stream.delivery.wait(viewer)
    assert stream.delivery.arriving_since(1.1, 0.1) == 1.0, "no other one is asked for"
    stream.arrive(12, parts[12])
    assert stream.begun == [(viewer, 10)]
    assert not stream.delivery.is_open


def test_a_keyframe_that_stays_incomplete_leaves_its_subscribers_lacking() -> None:
    stream, viewer = Stream(), Viewer()
    stream.delivery.wait(viewer)
    parts = vp8_frame(10, 4, 4000)
    for number in (10, 11, 13):
        stream.arrive(number, parts[number], 1.0)
    assert stream.delivery.arriving_since(1.0 + PATIENCE_S, 0.1) is not None
    assert stream.delivery.arriving_since(1.01 + PATIENCE_S, 0.1) is None
    assert stream.delivery.arriving_since(1.5, 0.5) is not None, "a retransmission takes a round trip"
    assert stream.delivery.is_lacking
    for number, part in vp8_frame(20, 2, 9000).items():
        stream.arrive(number, part, 2.0)
    assert not stream.delivery.is_lacking
    assert len(stream.begun) == 1, "it goes on, it does not begin again"


def test_a_late_repair_completes_a_keyframe_that_was_given_up() -> None:
    stream, viewer = Stream(), Viewer()
    stream.delivery.wait(viewer)
    parts = vp8_frame(10, 3, 4000)
    stream.arrive(10, parts[10], 1.0)
    stream.arrive(12, parts[12], 1.0)
    stream.arrive(13, Part(9000, True, opens=False, picture=False), 1.5)
    stream.arrive(11, parts[11], 1.6)
    assert not stream.delivery.is_lacking


def test_a_lost_last_packet_is_noticed_by_the_next_frame() -> None:
    stream, viewer = Stream(), Viewer()
    stream.delivery.wait(viewer)
    parts = vp8_frame(10, 3, 4000)
    stream.arrive(10, parts[10])
    stream.arrive(11, parts[11])
    stream.arrive(13, Part(9000, True, opens=False, picture=False))
    assert stream.delivery.is_lacking
    stream.arrive(12, parts[12])
    assert not stream.delivery.is_lacking


def test_of_two_keyframes_in_a_row_the_newer_one_counts() -> None:
    stream, viewer = Stream(), Viewer()
    stream.delivery.wait(viewer)
    one, two = vp8_frame(10, 3, 4000), vp8_frame(13, 3, 7000)
    for number in (11, 12, 13, 14):
        stream.arrive(number, (one | two)[number])
    stream.arrive(10, one[10])  # overtaken by the next keyframe
    assert stream.begun == [(viewer, 13)]
    assert stream.delivery.is_lacking
    stream.arrive(15, two[15])
    assert not stream.delivery.is_lacking


def test_a_publisher_without_markers_ends_its_keyframes_with_the_next_frame() -> None:
    stream, viewer = Stream(), Viewer()
    stream.delivery.wait(viewer)
    for number, part in vp8_frame(10, 3, 4000).items():
        stream.arrive(number, part._replace(ends_frame=False))
    assert stream.delivery.is_lacking
    stream.arrive(13, Part(9000, False, opens=False, picture=False))
    assert not stream.delivery.is_lacking


def test_padding_within_a_keyframe_is_no_hole() -> None:
    stream, viewer = Stream(), Viewer()
    stream.delivery.wait(viewer)
    parts = vp8_frame(10, 4, 4000)
    parts[11] = Part(1000, False, opens=False, picture=False, empty=True)
    for number in (10, 12, 13, 11):
        stream.arrive(number, parts[number])
    assert not stream.delivery.is_lacking


def test_parameter_sets_without_a_picture_are_no_keyframe() -> None:
    stream, viewer = Stream(), Viewer()
    stream.delivery.wait(viewer)
    for number, part in h264_frame(10, 4000, "sp").items():
        stream.arrive(number, part)
    assert stream.delivery.is_lacking


def test_a_subscriber_that_packets_cannot_reach_asks_for_nothing_and_begins_later() -> None:
    stream, viewer = Stream(), Viewer(is_ready=False)
    stream.delivery.wait(viewer)
    assert not stream.delivery.is_lacking
    stream.arrive(10, vp8_frame(10, 1, 4000)[10])
    assert not stream.begun
    viewer.is_ready = True
    assert stream.delivery.is_lacking
    stream.arrive(11, vp8_frame(11, 1, 7000)[11])
    assert stream.begun == [(viewer, 11)]


def test_a_recorder_that_lost_packets_needs_a_keyframe_from_afterwards() -> None:
    stream, recorder = Stream(), Viewer()
    parts = vp8_frame(10, 2, 4000)
    stream.arrive(10, parts[10], 1.0)
    stream.delivery.lost(recorder, 1.1)
    stream.arrive(11, parts[11], 1.2)
    assert stream.delivery.is_lacking
    stream.arrive(12, vp8_frame(12, 1, 7000)[12], 1.3)
    assert not stream.delivery.is_lacking


def test_a_publisher_that_numbers_anew_is_followed() -> None:
    stream, viewer = Stream(), Viewer()
    for number in (40_000, 40_002):
        stream.arrive(number, vp8_frame(40_000, 3, 4000)[number], 1.0)
    stream.delivery.wait(viewer)
    stream.arrive(30_000, vp8_frame(30_000, 1, 9)[30_000], 1.0)
    assert stream.begun == [(viewer, 30_000)]


def test_an_unfinished_keyframe_that_nobody_waits_for_is_forgotten() -> None:
    stream = Stream()
    stream.arrive(10, vp8_frame(10, 3, 4000)[10], 1.0)
    assert stream.delivery.is_open
    stream.arrive(12, vp8_frame(10, 3, 4000)[12], 1.1 + MAX_AGE_S)
    assert not stream.delivery.is_open


def test_slices_without_a_beginning_cost_one_look_each() -> None:
    looks = 0

    def look(number: int, _now: float) -> Part | None:
        nonlocal looks
        looks += 1
        return Part(4000, False, opens=False, picture=True) if number >= 10 else None

    delivery: KeyframeDelivery[Viewer] = KeyframeDelivery(look)
    for number in range(10, 500):
        delivery.arrived(number, Part(4000, False, opens=False, picture=True), 1.0)
    assert looks < 1000


# ------------------------------------------------------------------------------------------ the whole way

STEP_S = 0.005
FRAME_S = 1 / 30


@dataclass
class Network:
    """One way: packets are lost, delayed (so they overtake each other) and doubled, at rates."""

    chance: random.Random
    loss: float
    doubled: float
    delay_s: float
    jitter_s: float
    under_way: list[tuple[float, int, object]] = field(default_factory=list)
    _count: int = 0

    def send(self, what: object, now: float) -> None:
        for _ in range(2 if self.chance.random() < self.doubled else 1):
            if self.chance.random() >= self.loss:
                self._count += 1
                delay_s = self.delay_s + self.chance.random() * self.jitter_s
                self.under_way.append((now + delay_s, self._count, what))

    def due(self, now: float) -> list[object]:
        here = sorted(one for one in self.under_way if one[0] <= now)
        self.under_way = [one for one in self.under_way if one[0] > now]
        return [what for _, _, what in here]


@dataclass
class Publisher:
    """Sends a keyframe first and after each PLI, unless it ignores it; sends again what is asked for."""

    keyframe: Callable[[int, int], dict[int, Part]]
    number: int
    ignores_until_s: float
    sent: dict[int, Part] = field(default_factory=dict)
    frames: list[list[int]] = field(default_factory=list)
    """The numbers of each keyframe's packets."""
    timestamp: int = 0
    wanted: bool = True

    def frame(self, now: float) -> dict[int, Part]:
        self.timestamp += 3000
        if self.wanted and now >= self.ignores_until_s:
            made, self.wanted = self.keyframe(self.number, self.timestamp), False
            self.frames.append(list(made))
        else:
            made = vp8_frame(self.number, 2, self.timestamp, keyframe=False)
        self.number = self.number + len(made) & 0xFFFF
        self.sent.update(made)
        return made


class Session:
    """A publisher, and a server with a subscriber that joins at `joins_s`; the server's parts are real ones."""

    def __init__(self, publisher: Publisher, up: Network, down: Network, *, nack: bool, joins_s: float) -> None:
        self.publisher, self.up, self.down, self.nack, self.joins_s = publisher, up, down, nack, joins_s
        self.stream, self.viewer = Stream(), Viewer()
        self.losses, self.requests = LossTracker(), KeyframeRequests()
        self.given: set[int] = set()
        self.first: int | None = None
        self.plis = 0

    def run(self, seconds: float) -> None:
        """Time in steps; the server's timer has 20 ms."""
        next_frame_s = 0.0
        for step in range(round(seconds / STEP_S)):
            now = step * STEP_S
            if now >= next_frame_s:
                next_frame_s += FRAME_S
                for number, part in self.publisher.frame(now).items():
                    self.up.send((number, part), now)
            if step == round(self.joins_s / STEP_S):
                self.stream.delivery.wait(self.viewer)
            for what in self.up.due(now):
                self._take(*what, now)  # type: ignore[misc]
            if step % 4 == 0:
                self._repair(now)
            self._answer(now)

    def _take(self, number: int, part: Part, now: float) -> None:
        self.losses.received(number, now)
        if number in self.stream.parts:
            return
        progress = self.stream.arrive(number, part, now)
        if progress.begun:
            self.first = progress.first
            newest = self.losses.newest
            self.given = {
                one for one in self.stream.parts if not newer(progress.first, one) and not newer(one, newest)
            }
        elif self.first is not None and not newer(self.first, number):
            self.given.add(number)
        if progress.whole_since_s is not None:
            self.requests.arrived(progress.whole_since_s)

    def _repair(self, now: float) -> None:
        if self.nack:
            self.down.send(("nack", self.losses.due(now, 0.05)), now)
        wish = self.losses.take_keyframe_wish() and self.first is not None and self.requests.ask(now)
        delivery = self.stream.delivery
        arriving_since_s = delivery.arriving_since(now, 0.05)
        if wish or self.requests.due(now, lacking=delivery.is_lacking, arriving_since_s=arriving_since_s):
            self.plis += 1
            self.down.send(("pli", []), now)

    def _answer(self, now: float) -> None:
        for kind, numbers in self.down.due(now):  # type: ignore[misc]
            if kind == "pli":
                self.publisher.wanted = self.publisher.wanted or now >= self.publisher.ignores_until_s
            for number in numbers:
                self.up.send((number, self.publisher.sent[number]), now)

    def has_picture(self) -> bool:
        return any(self.given.issuperset(frame) for frame in self.publisher.frames)


@given(
    seed=st.integers(0, 1 << 32),
    frame=st.sampled_from(FRAMES),
    first=st.sampled_from([0, 100, 65_400, 65_530]),
    loss=st.floats(0, 0.25),
    doubled=st.floats(0, 0.3),
    jitter_s=st.floats(0, 0.03),
    joins_s=st.floats(0, 1),
    ignores_s=st.sampled_from([0.0, 0.0, 2.0]),
)
@settings(max_examples=25, deadline=None)
def test_a_subscriber_gets_a_whole_keyframe_in_bounded_time(
    seed: int, frame: Callable[[int, int], dict[int, Part]], first: int, loss: float, doubled: float,
    jitter_s: float, joins_s: float, ignores_s: float,
) -> None:  # fmt: skip
    chance = random.Random(seed)
    up = Network(chance, loss, doubled, 0.02, jitter_s)
    down = Network(chance, loss, doubled, 0.02, jitter_s)
    session = Session(Publisher(frame, first, ignores_s), up, down, nack=True, joins_s=joins_s)
    seconds = joins_s + ignores_s + 3.0
    session.run(seconds)
    assert session.has_picture()
    assert not session.stream.delivery.is_lacking
    assert session.first is not None
    came = {one for one in session.stream.parts if not newer(session.first, one)}
    assert session.given == came, "what came after the beginning was given to the subscriber, all of it"
    assert session.plis <= BURST + LONG_RUN_PER_S * seconds


@given(seed=st.integers(0, 1 << 32), loss=st.floats(0, 0.05), jitter_s=st.floats(0, 0.02))
@settings(max_examples=15, deadline=None)
def test_without_retransmissions_keyframes_are_asked_for_until_one_is_whole(
    seed: int, loss: float, jitter_s: float
) -> None:
    chance = random.Random(seed)
    up, down = Network(chance, loss, 0.0, 0.02, jitter_s), Network(chance, loss, 0.0, 0.02, jitter_s)
    session = Session(Publisher(FRAMES[1], 65_530, 0.0), up, down, nack=False, joins_s=0.3)
    session.run(4.0)
    assert session.has_picture()
    assert session.plis <= BURST + LONG_RUN_PER_S * 4


def test_a_publisher_that_never_answers_is_asked_a_bounded_number_of_times() -> None:
    up, down = (Network(random.Random(1), 0.0, 0.0, 0.02, 0.0) for _ in range(2))
    session = Session(Publisher(FRAMES[0], 10, 1e9), up, down, nack=True, joins_s=0.0)
    session.run(30.0)
    assert 20 <= session.plis <= BURST + LONG_RUN_PER_S * 30
