"""The decoder here is written from the draft's text alone and shares nothing with the encoder."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.media.core.feedback.transport_feedback import ArrivalRecorder


def decode(packet: bytes) -> tuple[int, int, int, list[float | None]]:
    """(base, reference time in 64 ms, feedback count, arrival in seconds or None per packet)."""
    assert packet[0] & 0x1F == 15
    assert packet[1] == 205
    assert len(packet) == 4 + 4 * int.from_bytes(packet[2:4], "big")
    end = len(packet) - (packet[-1] if packet[0] & 0x20 else 0)
    base, count = int.from_bytes(packet[12:14], "big"), int.from_bytes(packet[14:16], "big")
    reference = int.from_bytes(packet[16:19], "big", signed=True)
    symbols: list[int] = []
    at = 20
    while len(symbols) < count:
        bits = f"{int.from_bytes(packet[at : at + 2], 'big'):016b}"
        at += 2
        if bits[0] == "0":
            symbols += [int(bits[1:3], 2)] * int(bits[3:], 2)
        elif bits[1] == "0":
            symbols += [int(one) for one in bits[2:]]
        else:
            symbols += [int(bits[n : n + 2], 2) for n in range(2, 16, 2)]
    assert not any(symbols[count:])
    arrivals: list[float | None] = []
    time_us = reference * 64_000
    for symbol in symbols[:count]:
        if symbol == 0:
            arrivals.append(None)
            continue
        size = {1: 1, 2: 2}[symbol]
        time_us += 250 * int.from_bytes(packet[at : at + size], "big", signed=symbol == 2)
        at += size
        arrivals.append(time_us / 1e6)
    assert at == end
    return base, reference, packet[19], arrivals


def test_a_packet_literally() -> None:
    recorder = ArrivalRecorder()
    recorder.record(65535, 0.064)
    recorder.record(1, 0.065)
    # base, 3 statuses, reference 1 (64 ms), count 0, one-bit vector 101, deltas of 0 and 1 ms
    assert [one.hex() for one in recorder.build(0.1, 1, 2)] == [
        "8fcd00050000000100000002ffff000300000100a8000004"
    ]


def test_arrivals_are_told_once_with_their_times() -> None:
    recorder = ArrivalRecorder()
    recorder.record(65535, 1.000)
    recorder.record(1, 1.050)
    recorder.record(2, 1.300)
    [packet] = recorder.build(1.3, 1, 2)
    assert decode(packet) == (65535, 15, 0, [1.0, None, 1.05, 1.3])
    assert recorder.build(1.4, 1, 2) == []
    recorder.record(3, 1.5)
    [packet] = recorder.build(1.5, 1, 2)
    assert decode(packet) == (3, 23, 1, [1.5])


def test_losses_between_reports_are_told() -> None:
    recorder = ArrivalRecorder()
    recorder.record(10, 1.0)
    recorder.build(1.0, 1, 2)
    recorder.record(13, 1.1)
    [packet] = recorder.build(1.1, 1, 2)
    assert decode(packet)[0] == 11
    assert decode(packet)[3] == [None, None, 1.1]


def test_a_late_packet_is_told_with_what_followed() -> None:
    recorder = ArrivalRecorder()
    recorder.record(10, 1.0)
    recorder.record(12, 1.01)
    recorder.build(1.05, 1, 2)
    recorder.record(11, 1.06)
    [packet] = recorder.build(1.1, 1, 2)
    assert decode(packet)[0] == 11
    assert decode(packet)[3] == [1.06, 1.01]


def test_a_packet_is_recorded_at_its_first_arrival() -> None:
    recorder = ArrivalRecorder()
    recorder.record(10, 1.0)
    recorder.record(10, 1.1)
    [packet] = recorder.build(1.1, 1, 2)
    assert decode(packet)[3] == [1.0]


@pytest.mark.parametrize("step", [100, 499, 501])
def test_gaps_on_purpose_cause_few_reports(step: int) -> None:
    """3,000 packets a second, each of which skips numbers."""
    recorder = ArrivalRecorder()
    reports: list[bytes] = []
    for count in range(3060):
        recorder.record(count * step & 0xFFFF, 100 + count / 3000)
        if count % 180 == 179:
            reports += recorder.build(100 + count / 3000, 1, 2)
    assert len(reports) <= 10 * 3060 // 180
    following = 3059 * step + 1 & 0xFFFF
    recorder.record(following, 101.1)
    (last,) = recorder.build(101.1, 1, 2)
    base, _, _, arrivals = decode(last)
    assert (base, arrivals) == (following, [pytest.approx(101.1, abs=0.001)]), "then all is as usual"


@pytest.mark.parametrize("pause_s", [8.0, 9.0, 3600.0])
def test_a_pause_longer_than_a_delta_splits(pause_s: float) -> None:
    recorder = ArrivalRecorder()
    recorder.record(10, 1.0)
    recorder.record(11, 1.0 + pause_s)
    arrivals = [one for packet in recorder.build(1.0 + pause_s, 1, 2) for one in decode(packet)[3]]
    assert arrivals == [1.0, 1.0 + pause_s]


def test_a_long_report_is_split_to_fit_datagrams() -> None:
    recorder = ArrivalRecorder()
    for number in range(5000):
        if number % 3:
            recorder.record(number & 0xFFFF, 1.0 + number * 0.0937 % 3)
    packets = recorder.build(5.0, 1, 2)
    assert len(packets) > 5
    assert max(map(len, packets)) <= 1200
    decoded = [decode(packet) for packet in packets]
    assert [one[2] for one in decoded] == list(range(len(packets)))
    assert sum(len(one[3]) for one in decoded) == 4999


def test_a_jump_in_the_numbering_is_not_thousands_of_losses() -> None:
    recorder = ArrivalRecorder()
    recorder.record(10, 1.0)
    recorder.record(20_000, 1.1)
    assert [(decode(p)[0], decode(p)[3]) for p in recorder.build(1.1, 1, 2)] == [(10, [1.0]), (20_000, [1.1])]


@settings(max_examples=150)
@given(
    first=st.integers(0, 0xFFFF),
    start_s=st.floats(0.0, 1e6),
    seed=st.integers(0, 1 << 30),
    count=st.integers(1, 400),
    loss=st.sampled_from([0.0, 0.05, 0.5, 0.95]),
    spread_s=st.sampled_from([0.0005, 0.02, 0.2, 1.0]),
    every=st.integers(1, 100),
)
def test_every_arrival_is_told_exactly(
    first: int, start_s: float, seed: int, count: int, loss: float, spread_s: float, every: int
) -> None:
    chance = random.Random(seed)
    recorder = ArrivalRecorder()
    told: dict[int, float | None] = {}
    arrived: dict[int, float] = {}

    def collect(now: float) -> None:
        for packet in recorder.build(now, 1, 2):
            base, reference, _, arrivals = decode(packet)
            wrap_s = round((now - reference * 0.064) / (0.064 * (1 << 24))) * (0.064 * (1 << 24))
            for number, arrival in enumerate(arrivals, base):
                if arrival is not None or told.get(number & 0xFFFF) is None:
                    told[number & 0xFFFF] = None if arrival is None else arrival + wrap_s

    now = start_s
    for number in range(count):
        now += chance.random() * spread_s
        if chance.random() >= loss:
            arrived[first + number & 0xFFFF] = now
            recorder.record(first + number & 0xFFFF, now)
        if number % every == 0:
            collect(now)
    collect(now)
    assert {number for number, arrival in told.items() if arrival is not None} == set(arrived)
    for number, arrival_s in arrived.items():
        told_s = told[number]
        assert told_s is not None
        assert -1e-6 <= arrival_s - told_s < 0.000251
    if arrived:
        numbers = [(n - first) & 0xFFFF for n in arrived]
        assert len(told) == max(numbers) - min(numbers) + 1
