"""What a policer lets through: everything that browsers send, and of a flood no more than twice the advice."""

from collections.abc import Iterator

from mediaserver.media.core.quality.policer import Excess, Policer, PolicingLimits, Rate, TrackPolicer

LIMITS = PolicingLimits()
Packets = Iterator[tuple[float, int]]
"""Times in seconds and sizes in bytes."""


def frames(bitrate_bps: int, fps: int, seconds: float, keyframe_every_s: float = 10.0) -> Packets:
    """A video layer as browsers pace it: each frame in packets of 1,200 bytes, keyframes eight times as large."""
    mean = bitrate_bps / 8 / fps
    for number in range(int(seconds * fps)):
        size = mean * 8 if number % int(fps * keyframe_every_s) == 0 else mean
        count = max(1, round(size / 1200))
        for i in range(count):
            yield number / fps + i * 0.0005, int(size / count) + 40


def constant(bitrate_bps: float, size: int, seconds: float, start_s: float = 0.0) -> Packets:
    packets_per_s = bitrate_bps / 8 / size
    for number in range(int(packets_per_s * seconds)):
        yield start_s + number / packets_per_s, size


def refused(policer: TrackPolicer, *traces: Packets) -> int:
    """Send the traces together; return how many packets were refused."""
    packets = sorted(packet for trace in traces for packet in trace)
    return sum(policer.refuses_unseen(now) or not policer.admit(size, now) for now, size in packets)


def publisher() -> Policer:
    return Policer(LIMITS.publisher, LIMITS.patience_s, 0.0)


def video(shared: Policer | None = None) -> TrackPolicer:
    return TrackPolicer(False, LIMITS, shared or publisher(), 0.0)


def audio(shared: Policer | None = None) -> TrackPolicer:
    return TrackPolicer(True, LIMITS, shared or publisher(), 0.0)


# ---------------------------------------------------------------------------------------------- honest senders


def test_simulcast_with_probing_loses_nothing() -> None:
    layers = [frames(bitrate_bps, 30, 30) for bitrate_bps in (2_000_000, 500_000, 150_000)]
    probes = [constant(2_000_000, 1200, 0.5, start_s=5.0 * n) for n in range(6)]
    padding = [constant(2_000_000, 290, 0.1, start_s=5.0 * n + 2) for n in range(6)]
    assert refused(video(), *layers, *probes, *padding) == 0


def test_keyframes_of_all_layers_at_once_lose_nothing() -> None:
    """Three subscribers ask for a keyframe each second: PLIs are answered no faster."""
    layers = [frames(bitrate_bps, 30, 10, keyframe_every_s=1.0) for bitrate_bps in (1_800_000, 450_000, 150_000)]
    assert refused(video(), *layers) == 0


def test_camera_and_full_hd_screen_of_one_publisher_lose_nothing() -> None:
    """They share the advised bitrate; a slide change is a keyframe of 250 kB."""
    shared = publisher()
    slides = [constant(80_000_000, 1200, 0.025, start_s=4.0 * n) for n in range(8)]
    camera, screen = video(shared), video(shared)
    traces = [(packet, camera) for packet in frames(1_000_000, 30, 30)]
    traces += [(packet, screen) for packet in frames(2_000_000, 30, 30)]
    traces += [(packet, screen) for trace in slides for packet in trace]
    traces.sort(key=lambda one: one[0])
    assert all(not policer.refuses_unseen(now) and policer.admit(size, now) for (now, size), policer in traces)


def test_what_a_stalled_network_held_back_is_let_through() -> None:
    assert (
        refused(video(), ((2.0 + n * 0.0001, size) for n, (_, size) in enumerate(constant(3e6, 1200, 2.0)))) == 0
    )


def test_a_short_excess_within_the_burst_loses_nothing() -> None:
    """Twice the advice for 2 s plus a burst of one second: nearly three times the advice for 2 s."""
    assert refused(video(), constant(8_900_000, 1200, 2.0)) == 0


def test_audio_with_redundancy_loses_nothing() -> None:
    assert refused(audio(), constant(200_000, 250, 60.0)) == 0


# ---------------------------------------------------------------------------------------------- floods


def test_a_flood_is_cut_to_twice_the_advice_and_a_burst() -> None:
    policer, passed = video(), 0
    for now, size in constant(100_000_000, 1200, 10.0):
        if not policer.refuses_unseen(now) and policer.admit(size, now):
            passed += size * 8
    assert 0.9 * 66_000_000 <= passed <= 66_000_000  # 6 Mbit/s for 10 s and 6 Mbit at once


def test_most_of_a_flood_is_refused_before_its_decryption() -> None:
    policer = video()
    decrypted = 0
    for now, size in constant(100_000_000, 1200, 10.0):
        if not policer.refuses_unseen(now):
            decrypted += 1
            policer.admit(size, now)
    assert decrypted < 11_000  # of 104,000; 6,900 passed


def test_small_packets_are_counted() -> None:
    policer = video()
    assert refused(policer, constant(5_000_000, 60, 10.0)) > 70_000  # 10,400 a second, 3,000 may pass
    assert policer.own.news(10.0) == Excess("packet_rate", is_over=False)


def test_tracks_of_one_publisher_share_its_limit() -> None:
    shared = publisher()
    tracks = [video(shared), video(shared)]
    both = sorted((now, n, size) for n in (0, 1) for now, size in constant(5_000_000, 1200, 10.0))
    passed = sum(size * 8 for now, n, size in both if tracks[n].admit(size, now))
    assert passed <= 66_000_000
    assert [policer.own.news(10.0) for policer in tracks] == [None, None]
    assert shared.news(10.0) == Excess("bitrate", is_over=False)


def test_a_flood_of_video_takes_nothing_from_audio() -> None:
    shared = publisher()
    camera, microphone = video(shared), audio(shared)
    for now, size in constant(50_000_000, 1200, 3.0):
        camera.admit(size, now)
    assert refused(microphone, constant(64_000, 160, 3.0)) == 0


def test_audio_has_a_limit_of_its_own() -> None:
    policer = audio()
    sent = 40_000  # 4 Mbit/s in packets of 125 bytes for 10 s
    assert sent - refused(policer, constant(4_000_000, 125, 10.0)) <= 200 * 11
    assert policer.own.news(10.0) == Excess("packet_rate", is_over=False)
    policer = audio()
    assert 10_000_000 / 8 / 1000 - refused(policer, constant(1_000_000, 1000, 10.0)) <= 256 / 8 * 11
    assert policer.own.news(10.0) == Excess("bitrate", is_over=False)


# ---------------------------------------------------------------------------------------------- the excess


def test_an_excess_is_news_once_and_then_again_when_it_has_lasted() -> None:
    policer = video()
    heard = []
    next_poll_s = 1.0
    for now, size in constant(20_000_000, 1200, 25.0):
        if not policer.refuses_unseen(now):
            policer.admit(size, now)
        if now >= next_poll_s:
            next_poll_s += 1.0
            heard.append((round(now), policer.own.news(now)))
    told = [(second, news.is_over) for second, news in heard if news is not None]
    assert told == [(1, False), (11, True), (22, True)]


def test_one_track_alone_is_blamed_for_what_several_exceed_together() -> None:
    """Once it has ended, the other one stays within the limit: it is neither limited nor ended."""
    shared = publisher()
    tracks = [video(shared), video(shared)]
    heard, next_poll_s, ended_s = [], 1.0, 99.0
    both = sorted((now, n, size) for n in (0, 1) for now, size in constant(5_000_000, 1200, 40.0))
    for now, n, size in both:
        if n == 0 or now < ended_s + 0.1:  # ending takes a moment
            tracks[n].admit(size, now)
        if now >= next_poll_s:
            next_poll_s += 1.0
            if (news := shared.news(now)) is not None:
                heard.append(news.is_over)
                ended_s = now if news.is_over else ended_s
    assert heard == [False, True]


def test_a_pause_ends_the_excess() -> None:
    policer = video()
    for start_s in (0.0, 12.0):
        for now, size in constant(20_000_000, 1200, 9.0, start_s):
            if not policer.refuses_unseen(now):
                policer.admit(size, now)
        assert policer.is_refusing(start_s + 9.0)
        assert policer.own.news(start_s + 9.0) == Excess("bitrate", is_over=False)
    assert policer.own.news(24.0) is None
    assert not policer.is_refusing(24.0)


def test_asking_takes_nothing() -> None:
    """A stranger with a spoofed address knows no SSRC's keys: what is asked before decryption is free."""
    policer = TrackPolicer(False, LIMITS, Policer(Rate(1e6, 1000), 10.0, 0.0), 0.0)
    assert not any(policer.refuses_unseen(n / 100_000) for n in range(100_000))
    assert policer.admit(1200, 1.0)
