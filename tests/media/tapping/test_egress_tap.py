"""The tap socket under a slow, an absent and a restarted egress; the clock is passed in."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediaserver.media.tapping import egress_tap, framing
from mediaserver.media.tapping.egress_tap import MAX_AGE_S, MAX_BYTES, Taps, TapSocket
from mediaserver.media.tapping.framing import Record


class Egress:
    """Listens and reads whole batches."""

    def __init__(self, path: str) -> None:
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(path)
        self._listening.listen(1)
        self._listening.setblocking(False)
        self._connection: socket.socket | None = None
        self._bytes = b""

    def read(self) -> list[Record]:
        """All records of the batches that are there by now."""
        try:
            if self._connection is None:
                self._connection, _ = self._listening.accept()
                self._connection.setblocking(False)
            while data := self._connection.recv(1 << 20):
                self._bytes += data
        except BlockingIOError:
            pass
        records = []
        while len(self._bytes) >= 4 and len(self._bytes) >= 4 + (size := framing.batch_length(self._bytes[:4])):
            records += framing.split(self._bytes[4 : 4 + size])
            self._bytes = self._bytes[4 + size :]
        return records

    def close(self) -> None:
        self._listening.close()
        if self._connection is not None:
            self._connection.close()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "egress")


@pytest.fixture
def gaps() -> list[int]:
    return []


@pytest.fixture
async def tap(path: str, gaps: list[int]) -> "Iterator[TapSocket]":  # type: ignore[misc]
    tap = TapSocket(path, gaps.append)
    yield tap
    tap.close()


async def test_records_arrive_as_written(tap: TapSocket, path: str) -> None:
    egress = Egress(path)
    tap.write(7, framing.RTP, 123, b"packet")
    tap.write(8, framing.SENDER_REPORT, 124, b"report")
    tap.flush(0.0)
    assert egress.read() == [
        Record(7, framing.RTP, 123, b"packet"),
        Record(8, framing.SENDER_REPORT, 124, b"report"),
    ]
    egress.close()


async def test_what_came_before_egress_was_there_is_kept_a_while(tap: TapSocket, path: str) -> None:
    tap.write(7, framing.RTP, 1, b"early")
    tap.flush(0.0)
    egress = Egress(path)
    tap.flush(0.1)  # too soon to try again
    tap.flush(0.6)
    assert [record.data for record in egress.read()] == [b"early"]
    egress.close()


async def test_an_egress_away_for_long_gets_the_count_of_what_it_missed(
    tap: TapSocket, path: str, gaps: list[int]
) -> None:
    tap.write(7, framing.RTP, 1, b"first")
    tap.flush(0.0)
    tap.flush(MAX_AGE_S + 0.1)
    for _ in range(5):
        tap.write(7, framing.RTP, 2, b"lost")
    assert (tap.overflowed, gaps) == (5, [])
    egress = Egress(path)
    tap.flush(3.0)
    tap.flush(3.1)
    first, mark = egress.read()
    assert first.data == b"first"
    assert (mark.tap, mark.kind) == (7, framing.OVERFLOW)
    assert framing.OVERFLOW_COUNT.unpack(mark.data) == (5,)
    assert gaps == [7], "a keyframe is asked for"
    tap.write(7, framing.RTP, 3, b"on again")
    tap.flush(3.2)
    assert [record.data for record in egress.read()] == [b"on again"]
    egress.close()


async def test_memory_is_bounded_while_egress_does_not_read(tap: TapSocket, path: str) -> None:
    egress = Egress(path)
    packet = bytes(1000)
    for number in range(MAX_BYTES // 1000 + 2000):
        tap.write(1, framing.RTP, number, packet)
        if number % 100 == 0:
            tap.flush(0.0)
    assert tap.overflowed > 0
    assert tap._batches_bytes + tap._records_bytes <= MAX_BYTES
    egress.close()


async def test_a_restarted_egress_gets_whole_batches(tap: TapSocket, path: str) -> None:
    egress = Egress(path)
    tap.write(1, framing.RTP, 1, b"one")
    tap.flush(0.0)
    assert len(egress.read()) == 1
    egress.close()
    Path(path).unlink()
    tap.write(1, framing.RTP, 2, b"two")
    tap.flush(0.1)
    egress = Egress(path)
    tap.flush(1.0)
    assert [record.data for record in egress.read()] == [b"two"]
    egress.close()


async def test_the_last_user_of_a_path_closes_its_connection(path: str) -> None:
    egress = Egress(path)
    taps = Taps(lambda tap: None)
    one = taps.open(path)
    assert taps.open(path) is one
    one.write(1, framing.RTP, 1, b"packet")
    taps.close(path)
    taps.close(path)
    assert [record.data for record in egress.read()] == [b"packet"]
    assert not taps._sockets
    egress.close()


def test_the_bounds_are_those_that_the_design_names() -> None:
    assert (egress_tap.MAX_AGE_S, egress_tap.MAX_BYTES) == (2.0, 8 << 20)
