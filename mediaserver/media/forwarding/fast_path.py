"""Slots of a stream that merely follow it: per packet each costs a header, an encryption and a system call.

Such a slot's numbers are the publisher's plus a constant, and nothing in its packets but the header is its own.
What its packets do to its numbering and counters is noted once for all slots and handed to them by `book`, before
anyone reads or changes them. Whatever changes a slot or its way out dissolves this (`Stream.settle`).
"""

from typing import TYPE_CHECKING, Any

from mediaserver.media.core.packets.sequence import MAX_DROPOUT
from mediaserver.media.net.send_socket import Leg

if TYPE_CHECKING:
    from mediaserver.media.forwarding.slot import Slot

Line = tuple[Any, Any, int, int, int, "Slot", Leg]
"""SRTP session, bare send call, SSRC, what to add to sequence numbers and to timestamps, slot, leg."""


class Steady:
    """The steady slots of one stream and wiring. `others` are sent to with more care, packet by packet."""

    __slots__ = ("_booked", "_last_s", "_last_timestamp", "highest", "lines", "octets", "others", "packets")

    def __init__(self, highest: int, now: float) -> None:
        self.lines: dict[int, list[Line]] = {}
        """By the length of their SRTP tags."""
        self.others: list[Slot] = []
        self.highest = self._booked = highest
        self._last_timestamp, self._last_s = 0, now
        self.packets = self.octets = 0
        """Sent to each, not yet booked."""

    def add(self, slot: "Slot", path: tuple[Any, Leg, int], shift: tuple[int, int]) -> None:
        tx, leg, tag = path
        line = (tx, leg.raw_send, slot.ssrc, shift[0], shift[1], slot, leg)
        self.lines.setdefault(tag, []).append(line)

    def advance(self, first: int, last: int, last_timestamp: int, count: int, octets: int, now: float) -> bool:
        """Take a run of `count` packets in ascending order; False when it is not simply the next one."""
        ahead = (first - self.highest) & 0xFFFF
        span = (last - first) & 0xFFFF
        if not 0 < ahead <= MAX_DROPOUT or span > MAX_DROPOUT:
            return False
        if (self.highest - self._booked & 0xFFFF) + ahead + span > MAX_DROPOUT:
            self.book()
            if ahead + span > MAX_DROPOUT:
                return False
        self.highest = last
        self._last_timestamp, self._last_s = last_timestamp, now
        self.packets += count
        self.octets += octets
        return True

    def book(self) -> None:
        """Bring the slots' numbering and counters up to date."""
        if not self.packets:
            return
        for lines in self.lines.values():
            for line in lines:
                slot = line[5]
                slot.packets += self.packets
                slot.octets += self.octets
                slot.rewriter.rewrite_run(self.highest, self.highest, self._last_timestamp, self._last_s)
        self._booked = self.highest
        self.packets = self.octets = 0
