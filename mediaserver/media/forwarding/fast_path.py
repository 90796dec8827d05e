"""The fast path of a stream: slots whose packets differ from the publisher's only in the header.

For each packet such a slot costs a header, an encryption and a system call. Its numbers are the publisher's
plus a constant. What its packets do to its numbering and counters is noted once for all slots, and `book`
applies it to them before they are read or changed. Whatever changes a slot or its path takes it off
(`Stream.leave_fast_path`).
"""

from typing import Any, Generic, Protocol, TypeVar

from mediaserver.media.core.packets.sequence import MAX_DROPOUT, SlotRewriter
from mediaserver.media.net.send_socket import SendSocket


class FollowingSlot(Protocol):
    """What the fast path needs of a slot."""

    ssrc: int
    packets: int
    octets: int
    rewriter: SlotRewriter[Any]


S = TypeVar("S", bound=FollowingSlot)
Target = tuple[Any, Any, int, int, int, S, SendSocket]
"""SRTP session, bare send call, SSRC, offsets of sequence numbers and of timestamps, slot, send socket."""


class FastPath(Generic[S]):
    """The following slots of one stream and header rewrite. Packets to the `others` are prepared one by one."""

    __slots__ = ("_booked", "_last_s", "_last_timestamp", "highest", "octets", "others", "packets", "targets")

    def __init__(self, highest: int, now: float) -> None:
        self.targets: dict[int, list[Target[S]]] = {}
        """Targets by the length of their SRTP tags."""
        self.others: list[S] = []
        self.highest = self._booked = highest
        self._last_timestamp, self._last_s = 0, now
        self.packets = self.octets = 0
        """Sent to each slot since the last `book`."""

    def add(self, slot: S, path: tuple[Any, SendSocket, int], shift: tuple[int, int]) -> None:
        tx, send_socket, tag = path
        target = (tx, send_socket.raw_send, slot.ssrc, shift[0], shift[1], slot, send_socket)
        self.targets.setdefault(tag, []).append(target)

    def advance(self, first: int, last: int, last_timestamp: int, count: int, octets: int, now: float) -> bool:
        """Note a run of `count` packets in ascending order; False when it does not continue the last one."""
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
        for targets in self.targets.values():
            for target in targets:
                slot = target[5]
                slot.packets += self.packets
                slot.octets += self.octets
                slot.rewriter.rewrite_run(self.highest, self.highest, self._last_timestamp, self._last_s)
        self._booked = self.highest
        self.packets = self.octets = 0
