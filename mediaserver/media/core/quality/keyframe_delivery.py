"""Deliver a complete keyframe to each subscriber of an incoming stream, despite loss and reordering.

A subscriber is *waiting* (it gets nothing yet), then *delivering* (it has been given the first packet of a
keyframe and the packets that were there already) and is forgotten once the whole frame has been forwarded. Until
then `is_lacking` says that keyframes must be asked for, unless one is arriving at that moment.

There is one `KeyframeDelivery` for each incoming stream. It does not copy packets: it looks at the packet cache,
in which every packet stands once, in whatever order they came. It costs nothing between keyframes while nobody
waits.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from mediaserver.media.core.packets.sequence import MAX_DROPOUT

PATIENCE_S: Final = 0.25
"""A keyframe that makes no progress for so long, or for 1.5 round trips if that is longer, is given up."""
ROUND_TRIPS: Final = 1.5
MAX_AGE_S: Final = 3.0
"""After so long without progress nothing can mend a keyframe: the packet cache has forgotten it."""
MAX_PACKETS: Final = 512
"""How far back the first packet of a keyframe is looked for; the packet cache holds no more."""


class Part(NamedTuple):
    """The role of one packet in a keyframe."""

    timestamp: int
    ends_frame: bool
    """The RTP marker: nothing of this frame follows."""
    opens: bool
    """It is certainly the first packet of a keyframe that a decoder needs."""
    picture: bool
    """It starts (a slice of) a keyframe's picture; parameter sets alone do not."""
    empty: bool = False
    """Padding only, between frames or packets."""


class Subscriber(Hashable, Protocol):
    @property
    def is_ready(self) -> bool:
        """Return whether packets can be sent to this subscriber."""


S = TypeVar("S", bound=Subscriber)


class Progress(NamedTuple, Generic[S]):
    """The result of adding one packet."""

    begun: Sequence[S] = ()
    """Subscribers that begin now: give them every packet from `first` on that the cache holds."""
    first: int = 0
    whole_since_s: float | None = None
    """A keyframe is whole now; this is when it began to arrive."""


@dataclass(slots=True)
class _Frame:
    """The newest keyframe that is arriving. Packets before `next` are all there."""

    first: int
    timestamp: int
    next: int
    began_s: float
    progress_s: float
    has_picture: bool = False


class _Unsure(NamedTuple):
    """A keyframe's picture came before packets of the same frame: `lowest` may not be its first."""

    timestamp: int
    lowest: int
    since_s: float


class KeyframeDelivery(Generic[S]):
    """The subscribers of one stream that lack a keyframe. `look` gives the part of a packet that was stored."""

    __slots__ = ("_delivering", "_frame", "_look", "_newest", "_unsure", "_waiting", "is_open")

    def __init__(self, look: Callable[[int, float], Part | None]) -> None:
        self._look = look
        self._waiting: dict[S, None] = {}
        self._delivering: dict[S, float] = {}
        """Which need a whole keyframe that began to arrive at this time or later."""
        self._frame: _Frame | None = None
        self._newest: tuple[int, float] | None = None
        """The first packet of the newest keyframe, and when it was seen."""
        self._unsure: _Unsure | None = None
        self.is_open = False
        """While it is False, only packets that open a keyframe or start its picture concern this object."""

    # ------------------------------------------------------------------------------------------ subscribers

    def wait(self, subscriber: S) -> None:
        """`subscriber` is to begin with the next keyframe, or with the one that is arriving now."""
        self._delivering.pop(subscriber, None)
        self._waiting[subscriber] = None
        self.is_open = True

    def lost(self, subscriber: S, now: float) -> None:
        """Packets to `subscriber`, which has begun, were lost: it needs a keyframe that begins after `now`."""
        if subscriber not in self._waiting:
            self._delivering[subscriber] = now
            self.is_open = True

    def forget(self, subscriber: S) -> None:
        self._waiting.pop(subscriber, None)
        self._delivering.pop(subscriber, None)
        self._judge_open()

    def is_waiting(self, subscriber: S) -> bool:
        return subscriber in self._waiting

    @property
    def is_lacking(self) -> bool:
        """Whether a subscriber that packets can reach has not been given a whole keyframe."""
        return bool(self._delivering) or any(one.is_ready for one in self._waiting)

    def arriving_since(self, now: float, rtt_s: float) -> float | None:
        """When the keyframe that is arriving began to; None when there is none, or it was given up."""
        patience_s = max(PATIENCE_S, ROUND_TRIPS * rtt_s)
        if self._frame is not None and now - self._frame.progress_s <= patience_s:
            return self._frame.began_s
        if self._unsure is not None and now - self._unsure.since_s <= patience_s:
            return self._unsure.since_s
        return None

    # ------------------------------------------------------------------------------------------ packets

    def arrived(self, sequence: int, part: Part, now: float) -> Progress[S]:
        """Take a packet that was stored just now, in order or not."""
        if self._unsure is not None and now - self._unsure.since_s > MAX_AGE_S:
            self._unsure = None
        whole: list[float] = []
        first = self._find_first(sequence, part, now)
        if first is not None and self._is_newer(first, now):
            whole += self._finish(now)
            self._open(first, now)
        frame = self._frame
        begun: list[S] = []
        if frame is not None:
            ended = self._advance(frame, now)
            if not ended or frame.has_picture:
                begun = self._begin(frame, now)
            if ended:
                whole += self._end(frame)
            elif now - frame.progress_s > MAX_AGE_S:
                self._frame = None
        self._judge_open()
        return Progress(begun, frame.first if frame is not None else 0, max(whole, default=None))

    def _open(self, first: int, now: float) -> None:
        start = self._look(first, now)
        if start is not None:
            self._frame = _Frame(first, start.timestamp, first, now, now)
            self._newest, self._unsure = (first, now), None

    def _find_first(self, sequence: int, part: Part, now: float) -> int | None:
        """The first packet of the keyframe that this packet shows to exist; None: none, or not known yet."""
        if part.opens:
            return sequence
        unsure = self._unsure
        if unsure is not None and sequence == unsure.lowest - 1 & 0xFFFF:
            return self._walk_back(unsure.lowest, unsure.timestamp, unsure.since_s, now)
        if not part.picture or self._belongs_to_frame(sequence, part):
            return None
        if unsure is not None and unsure.timestamp == part.timestamp and _ahead(sequence, unsure.lowest) >= 0:
            return None
        return self._walk_back(sequence, part.timestamp, now, now)

    def _belongs_to_frame(self, sequence: int, part: Part) -> bool:
        frame = self._frame
        return frame is not None and part.timestamp == frame.timestamp and _ahead(sequence, frame.first) >= 0

    def _walk_back(self, lowest: int, timestamp: int, since_s: float, now: float) -> int | None:
        """Follow a frame back to its first packet; where one is missing, wait for it."""
        for _ in range(MAX_PACKETS):
            before = self._look(lowest - 1 & 0xFFFF, now)
            if before is None:
                self._unsure = _Unsure(timestamp, lowest, since_s)
                return None
            if before.timestamp != timestamp or before.ends_frame:
                return lowest
            lowest = lowest - 1 & 0xFFFF
            if before.opens:
                return lowest
        return None

    def _is_newer(self, first: int, now: float) -> bool:
        """Whether to follow the keyframe that starts with `first` from now on."""
        if self._newest is None or now - self._newest[1] > MAX_AGE_S:
            return True
        ahead = _ahead(first, self._newest[0])
        return ahead > 0 or ahead < -MAX_DROPOUT  # so far back: the publisher numbers anew

    def _advance(self, frame: _Frame, now: float) -> bool:
        """Move `next` over the packets that are there; True once the frame has come to its end."""
        while (part := self._look(frame.next, now)) is not None:
            is_other = part.timestamp != frame.timestamp or (part.opens and frame.next != frame.first)
            if is_other and not part.empty:
                return True
            frame.next = frame.next + 1 & 0xFFFF
            frame.progress_s = now
            frame.has_picture = frame.has_picture or part.picture
            if part.ends_frame and not part.empty:
                return True
        return False

    def _begin(self, frame: _Frame, now: float) -> list[S]:
        if not self._waiting or now - frame.progress_s > PATIENCE_S or self._look(frame.first, now) is None:
            return []
        begun = [subscriber for subscriber in self._waiting if subscriber.is_ready]
        for subscriber in begun:
            del self._waiting[subscriber]
            self._delivering[subscriber] = frame.began_s
        return begun

    def _finish(self, now: float) -> list[float]:
        """The next keyframe opens: this one may have ended without a marker."""
        frame = self._frame
        return self._end(frame) if frame is not None and self._advance(frame, now) else []

    def _end(self, frame: _Frame) -> list[float]:
        """The frame is there up to its end; returns when it began, if it holds a picture."""
        self._frame = None
        if not frame.has_picture:
            return []
        for subscriber in [one for one, since_s in self._delivering.items() if since_s <= frame.began_s]:
            del self._delivering[subscriber]
        return [frame.began_s]

    def _judge_open(self) -> None:
        self.is_open = bool(self._waiting or self._delivering or self._frame or self._unsure)


def _ahead(a: int, b: int) -> int:
    """Return how far `a` is ahead of `b`, modulo 2**16; negative when it is behind."""
    return (a - b + 0x8000 & 0xFFFF) - 0x8000
