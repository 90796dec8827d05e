"""Timelines: clocks are brought together, and the right pictures stand in the right places."""

import pytest

from mediaserver.recording.capture.journal import Journal
from mediaserver.recording.timeline.clocks import StreamClock
from mediaserver.recording.timeline.layout import Canvas, Tile, arrange, fit
from mediaserver.recording.timeline.packets import Packet, Reader
from mediaserver.recording.timeline.plan import Plan, TrackSurvey, plan
from mediaserver.recording.timeline.speakers import BIN_NS, Levels
from tests.recording.studio import SECOND, RtpTrack, Sender, at, track

CANVAS = Canvas(1280, 720)


def send(
    made: RtpTrack,
    start_s: float,
    end_s: float,
    *,
    every_s: float = 0.1,
    level: int | None = None,
    reports: bool = True,
) -> RtpTrack:
    """Packets without media in them."""
    for number in range(round((end_s - start_s) / every_s)):
        made.send(start_s + number * every_s, b"x", True, level)
        if reports and number % 20 == 0:
            made.report(start_s + number * every_s)
    return made


def survey(made: RtpTrack, levels: Levels) -> TrackSurvey:
    read = TrackSurvey(made.header)
    read.take(Reader(made.header).read(Journal(made.bytes())), levels)
    read.finish()
    return read


def planned(tracks: list[RtpTrack], end_s: float = 20) -> Plan:
    levels = Levels(at(0))
    return plan(at(0), at(end_s), [survey(made, levels) for made in tracks], levels, CANVAS)


def times(made: RtpTrack, timeline: Plan) -> list[float]:
    """When the packets of a track happened, in seconds, sorted."""
    clock: StreamClock = timeline.clocks[made.header.track, made.ssrc]
    items = Reader(made.header).read(Journal(made.bytes()))
    return sorted(
        (clock.time_ns(item.timestamp, item.arrival_ns) - at(0)) / SECOND
        for item in items
        if isinstance(item, Packet)
    )


def scenes(timeline: Plan) -> list[tuple[float, float, list[str]]]:
    return [
        ((a - at(0)) / SECOND, (b - at(0)) / SECOND, [tile.track for tile in tiles])
        for a, b, tiles in timeline.scenes
    ]


# ------------------------------------------------------------------------------------------ clocks


@pytest.mark.parametrize("ahead_s", [0.0, 86_400.0, -86_400.0 * 365 * 20])
def test_a_senders_own_clock_does_not_matter(ahead_s: float) -> None:
    mic = send(track("MIC", Sender("ann", ahead_s, delay_s=0.05), "microphone", "opus"), 1, 11)
    found = times(mic, planned([mic]))
    assert found == pytest.approx([1.05 + n * 0.1 for n in range(100)], abs=0.002)


def test_jitter_and_late_packets_do_not_move_the_timeline() -> None:
    ann = Sender("ann", 1000)
    mic = track("MIC", ann, "microphone", "opus")
    for number in range(100):
        ann.delay_s = 0.05 if number % 10 == 0 else 0.05 + 0.3 * (number % 7) / 7
        mic.send(1 + number * 0.1, b"x", True)
        if number % 20 == 0:
            mic.report(1 + number * 0.1)
    assert times(mic, planned([mic])) == pytest.approx([1.05 + n * 0.1 for n in range(100)], abs=0.002)


def test_congestion_for_half_a_minute_does_not_move_it_either() -> None:
    ann = Sender("ann", 1000)
    mic = track("MIC", ann, "microphone", "opus")
    for number in range(1200):
        ann.delay_s = 0.85 if 400 <= number < 700 else 0.05
        mic.send(number * 0.1, b"x", True)
        if number % 20 == 0:
            mic.report(number * 0.1)
    assert times(mic, planned([mic], 130)) == pytest.approx([0.05 + n * 0.1 for n in range(1200)], abs=0.02)


def test_sound_and_picture_of_one_sender_are_aligned_by_their_reports() -> None:
    """The picture is always 400 ms later on its way than the sound; its reports tell when it was taken."""
    slow, fast = Sender("ann", 50, delay_s=0.45), Sender("ann", 50, delay_s=0.05)
    cam = send(track("CAM", slow, "camera", "VP8"), 1, 11)
    mic = send(track("MIC", fast, "microphone", "opus"), 1, 11)
    timeline = planned([cam, mic])
    assert times(cam, timeline) == pytest.approx(times(mic, timeline), abs=0.003)


def test_two_senders_are_aligned_by_their_fastest_packets() -> None:
    ann = send(track("A", Sender("ann", 5000, 0.02), "microphone", "opus"), 1, 11)
    bob = send(track("B", Sender("bob", -5000, 0.12), "microphone", "opus"), 1, 11)
    timeline = planned([ann, bob])
    differences = [b - a for a, b in zip(times(ann, timeline), times(bob, timeline), strict=True)]
    assert differences == pytest.approx([0.1] * 100, abs=0.003)


def test_a_drifting_clock_is_followed() -> None:
    """50 ppm: 90 ms in half an hour."""
    ann = Sender("ann")
    mic = track("MIC", ann, "microphone", "opus")
    for number in range(1800):
        ann.clock_ahead_s = number * 50e-6
        mic.send(float(number), b"x", True)
        mic.report(float(number))
    found = times(mic, planned([mic], 1801))
    assert found[-1] - found[0] == pytest.approx(1799, abs=0.01)


def test_without_reports_arrivals_alone_tie_a_track_to_the_timeline() -> None:
    mic = send(track("MIC", Sender("ann", 77, 0.05), "microphone", "opus"), 1, 11, reports=False)
    assert times(mic, planned([mic])) == pytest.approx([1.05 + n * 0.1 for n in range(100)], abs=0.003)


def test_lying_reports_do_no_harm() -> None:
    liar = Sender("ann")
    mic = track("MIC", liar, "microphone", "opus")
    for number in range(100):
        liar.clock_ahead_s = (number * 7919 % 100) * 1e6
        mic.send(1 + number * 0.1, b"x", True)
        mic.report(1 + number * 0.1)
    found = times(mic, planned([mic]))
    assert found == pytest.approx([1.02 + n * 0.1 for n in range(100)], abs=1.5)


def test_a_participant_who_comes_back_with_another_computer_is_placed_right() -> None:
    first = send(track("A", Sender("ann", 5000, cname="one"), "microphone", "opus"), 1, 5)
    second = send(track("B", Sender("ann", -300, cname="two"), "microphone", "opus"), 8, 12)
    timeline = planned([first, second])
    assert times(first, timeline)[0] == pytest.approx(1.02, abs=0.003)
    assert times(second, timeline)[0] == pytest.approx(8.02, abs=0.003)


# ------------------------------------------------------------------------------------------ scenes


def camera(name: str, start_s: float, end_s: float, who: str | None = None) -> RtpTrack:
    return send(track(name, Sender(who or name.lower(), delay_s=0), "camera", "VP8", start_s), start_s, end_s)


def test_one_camera_fills_the_canvas_while_it_is_there() -> None:
    [before, during, after] = scenes(planned([camera("ANN", 2, 10)]))
    assert before == (0, 2, [])
    assert during == (2, pytest.approx(10.4), ["ANN"])
    assert after[1:] == (20, [])


def test_a_screen_is_large_and_cameras_stand_beside() -> None:
    screen = send(track("SCREEN", Sender("ann"), "screen", "VP8", 5), 5, 9.9, every_s=0.5)
    found = planned([camera("ANN", 0, 20), camera("BOB", 0, 20), screen])
    assert [names for _, _, names in scenes(found)] == [["ANN", "BOB"], ["SCREEN", "ANN", "BOB"], ["ANN", "BOB"]]
    assert found.scenes[1].tiles == (
        Tile("SCREEN", 0, 0, 1024, 720),
        Tile("ANN", 1024, 216, 256, 144),
        Tile("BOB", 1024, 360, 256, 144),
    )


def test_a_screen_that_stands_still_stays_and_a_silent_camera_goes() -> None:
    screen = send(track("SCREEN", Sender("ann", delay_s=0), "screen", "VP8"), 0, 27, every_s=9)
    cam = send(camera("ANN", 0, 4), 12, 20)
    shown = [(round(since), names) for since, _, names in scenes(planned([screen, cam]))]
    assert shown == [(0, ["SCREEN", "ANN"]), (4, ["SCREEN"]), (12, ["SCREEN", "ANN"]), (18, ["ANN"])]


def test_a_hidden_camera_is_not_shown_until_it_comes_back() -> None:
    cam = camera("ANN", 0, 5)
    cam.mark(5, enabled=False)
    cam.mark(7, enabled=True)
    send(cam, 7, 20)
    assert scenes(planned([cam])) == [(0, 5, ["ANN"]), (5, 7, []), (7, 20, ["ANN"])]


def test_a_track_that_begins_hidden_is_not_shown() -> None:
    cam = track("ANN", Sender("ann", delay_s=0), "camera", "VP8")
    cam.header = cam.header.model_copy(update={"enabled": False})
    cam.mark(3, enabled=True)
    assert scenes(planned([send(cam, 3, 20)])) == [(0, 3, []), (3, 20, ["ANN"])]


def test_the_one_who_speaks_is_large() -> None:
    ann = send(track("MIC-A", Sender("ann"), "microphone", "opus"), 0, 8, every_s=0.02, level=20)
    bob = send(track("MIC-B", Sender("bob"), "microphone", "opus"), 8, 20, every_s=0.02, level=20)
    found = scenes(planned([camera("ANN", 0, 20), camera("BOB", 0, 20), ann, bob]))
    assert [names for _, _, names in found] == [["ANN", "BOB"], ["BOB", "ANN"]]
    assert 8 <= found[1][0] <= 9.5


def test_no_more_tiles_than_there_is_room_for() -> None:
    tiles = arrange("BIG", [str(number) for number in range(30)], CANVAS)
    assert len(tiles) == 6
    assert all(tile.x + tile.width <= 1280 and tile.y + tile.height <= 720 for tile in tiles)
    assert all(value % 2 == 0 for tile in tiles for value in tile[1:])


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((640, 360), (0, 0, 1280, 720)), ((640, 480), (160, 0, 960, 720)), ((100, 1000), (604, 0, 72, 720))],
)
def test_pictures_keep_their_shape(size: tuple[int, int], wanted: tuple[int, int, int, int]) -> None:
    assert fit(*size, Tile("A", 0, 0, 1280, 720)) == wanted


# ------------------------------------------------------------------------------------------ speakers


def speak(levels: Levels, who: str, first: int, last: int, level: int) -> None:
    for number in range(first, last):
        levels.add(who, at(0) + number * BIN_NS, level)


def test_nobody_speaks_in_silence() -> None:
    levels = Levels(at(0))
    speak(levels, "ann", 0, 50, 90)
    assert list(levels.speakers()) == []
    assert list(Levels(at(0)).speakers()) == []


def test_a_cough_does_not_take_the_floor() -> None:
    levels = Levels(at(0))
    speak(levels, "ann", 0, 100, 25)
    speak(levels, "bob", 50, 52, 10)
    assert [who for _, who in levels.speakers()] == ["ann"]


def test_the_floor_is_kept_through_pauses_and_equals() -> None:
    levels = Levels(at(0))
    speak(levels, "ann", 0, 20, 25)
    speak(levels, "ann", 60, 100, 25)
    speak(levels, "bob", 0, 5, 60)
    speak(levels, "bob", 60, 100, 24)
    assert [who for _, who in levels.speakers()] == ["ann"]


def test_an_answer_takes_the_floor() -> None:
    levels = Levels(at(0))
    speak(levels, "ann", 0, 20, 25)
    speak(levels, "bob", 20, 40, 25)
    (_, first), (when, second) = levels.speakers()
    assert (first, second) == ("ann", "bob")
    assert at(0) + 20 * BIN_NS <= when <= at(0) + 27 * BIN_NS
