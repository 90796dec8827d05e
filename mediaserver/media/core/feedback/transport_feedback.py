"""Transport-wide congestion feedback: arrival times of all packets of a transport, told to their sender.

Every packet is reported lost or received; arrival times are exact to 250 µs and do not drift, since deltas are
taken between rounded times. Format: draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1.
"""

import struct

from mediaserver.media.core.packets.rtcp import build_transport_feedback
from mediaserver.media.core.packets.sequence import SequenceUnwrapper

_LOST, _SMALL, _LARGE = 0, 1, 2
_TICKS_PER_S = 4000
_TICKS_PER_REFERENCE = 256
"""A reference time counts 64 ms."""
_MAX_STATUSES = 1000
_MAX_DELTA_BYTES = 800
"""Together with at most 286 bytes of chunks and 20 of headers a packet stays within one datagram."""
_MAX_RUN = 0x1FFF
_HISTORY_S = 0.5
_MAX_GAP = 500
"""A jump this long in the transport's numbering is not reported as loss, but starts anew behind it."""
_MAX_PACKETS = 10
"""For one report: what a second's arrivals take. A sender that leaves gaps on purpose would cause thousands."""

_HEADER = struct.Struct("!HH3sB")
_CHUNK = struct.Struct("!H")
_LARGE_DELTA = struct.Struct("!h")


class ArrivalRecorder:
    """Collects (transport-wide sequence number, arrival); `build` reports what is new, in order.

    A packet that arrives late is reported with everything after it once more, as the draft allows.
    """

    __slots__ = ("_arrivals", "_feedback_count", "_next", "_unwrapper")

    def __init__(self) -> None:
        self._unwrapper = SequenceUnwrapper()
        self._arrivals: dict[int, int] = {}  # unwrapped number to ticks of 250 µs
        self._next: int | None = None
        self._feedback_count = 0

    def record(self, sequence: int, now: float) -> None:
        number = self._unwrapper.unwrap(sequence)
        if number not in self._arrivals:
            self._arrivals[number] = int(now * _TICKS_PER_S)
            if self._next is None or number < self._next:
                self._next = number

    def build(self, now: float, sender_ssrc: int, media_ssrc: int) -> list[bytes]:
        """The RTCP packets that report all since the last call (or what came late); [] when nothing is new.

        What does not fit into `_MAX_PACKETS` is never reported.
        """
        self._forget(int((now - _HISTORY_S) * _TICKS_PER_S))
        highest = self._unwrapper.highest
        if self._next is None or highest is None or self._next > highest:
            return []
        packets: list[bytes] = []
        arrived = sorted(number for number in self._arrivals if number >= self._next)
        base = self._next
        position = 0
        while position < len(arrived):
            if len(packets) == _MAX_PACKETS:
                base = arrived[-1] + 1
                break
            if arrived[position] - base > _MAX_GAP:
                base = arrived[position]
            count, statuses, deltas, reference = self._collect(arrived, position, base)
            packets.append(self._packet(base, statuses, deltas, reference, sender_ssrc, media_ssrc))
            position += count
            base += len(statuses)
        self._next = base
        return packets

    def _collect(self, arrived: list[int], position: int, base: int) -> tuple[int, list[int], bytes, int]:
        """As much of `arrived[position:]` as fits one packet: (how many, statuses, deltas, reference time)."""
        statuses: list[int] = []
        deltas = bytearray()
        last = self._arrivals[arrived[position]] // _TICKS_PER_REFERENCE * _TICKS_PER_REFERENCE
        reference = last // _TICKS_PER_REFERENCE
        start = position
        for number in arrived[position:]:
            ticks = self._arrivals[number]
            lost = number - base - len(statuses)
            full = len(statuses) + lost + 1 > _MAX_STATUSES or len(deltas) + 2 > _MAX_DELTA_BYTES
            if full or lost > _MAX_GAP or not -0x8000 <= ticks - last <= 0x7FFF:
                break
            statuses += [_LOST] * lost
            if 0 <= ticks - last <= 0xFF:
                statuses.append(_SMALL)
                deltas.append(ticks - last)
            else:
                statuses.append(_LARGE)
                deltas += _LARGE_DELTA.pack(ticks - last)
            last = ticks
            position += 1
        return position - start, statuses, bytes(deltas), reference

    def _packet(
        self, base: int, statuses: list[int], deltas: bytes, reference: int, sender_ssrc: int, media_ssrc: int
    ) -> bytes:
        data = _HEADER.pack(
            base & 0xFFFF,
            len(statuses),
            (reference & 0xFFFFFF).to_bytes(3, "big"),
            self._feedback_count,
        )
        self._feedback_count = (self._feedback_count + 1) & 0xFF
        return build_transport_feedback(sender_ssrc, media_ssrc, data + _chunks(statuses) + deltas)

    def _forget(self, before: int) -> None:
        """Drop reported arrivals of long ago, so that one very late packet does not repeat a long story."""
        if self._next is None:
            return
        reported = self._next
        for number in [n for n, ticks in self._arrivals.items() if n < reported and ticks < before]:
            del self._arrivals[number]


def _chunks(statuses: list[int]) -> bytes:
    """Run-length and status-vector chunks (sections 3.1.3, 3.1.4), whichever covers more at each point."""
    chunks = bytearray()
    position = 0
    while position < len(statuses):
        run = _run_length(statuses, position)
        one_bit = statuses[position : position + 14]
        vector = 7 if _LARGE in one_bit else 14
        if run >= vector or position + run == len(statuses):
            chunks += _CHUNK.pack(statuses[position] << 13 | run)
            position += run
        elif vector == 14:
            chunks += _CHUNK.pack(0x8000 | _bits(one_bit, 1, 14))
            position += 14
        else:
            chunks += _CHUNK.pack(0xC000 | _bits(one_bit[:7], 2, 7))
            position += 7
    return bytes(chunks)


def _run_length(statuses: list[int], position: int) -> int:
    status, end = statuses[position], position
    while end < len(statuses) and statuses[end] == status and end - position < _MAX_RUN:
        end += 1
    return end - position


def _bits(statuses: list[int], width: int, count: int) -> int:
    value = 0
    for status in statuses:
        value = value << width | status
    return value << width * (count - len(statuses))
