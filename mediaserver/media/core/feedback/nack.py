"""Which packets of an incoming stream are missing, and when to ask for them again.

Each missing packet is asked for a bounded number of times; what stays missing then calls for a keyframe.
"""

from dataclasses import dataclass

from mediaserver.base.limits.token_bucket import TokenBucket
from mediaserver.media.core.packets.sequence import MAX_DROPOUT

REORDER_S = 0.010
"""A packet this late may only have been overtaken, unless `REORDER_PACKETS` came after it."""
REORDER_PACKETS = 2
MIN_INTERVAL_S = 0.020
MAX_TRIES = 10
MAX_MISSING = 500
"""More than that cannot be mended by retransmission."""
MAX_NOTICED_PER_S = 1000
"""More missing packets a second are given up at once: a sender that leaves gaps on purpose would otherwise cause
work for hundreds of numbers with each packet."""


@dataclass(slots=True)
class _Missing:
    due_s: float
    count_when_noticed: int
    tries: int = 0


class LossTracker:
    """Feed every packet to `received` (padding and unwrapped retransmissions, too); poll `due` every 10–20 ms."""

    __slots__ = ("_count", "_highest", "_missing", "_noticed", "_wants_keyframe", "given_up", "recovered")

    def __init__(self) -> None:
        self._highest: int | None = None
        self._count = 0
        self._noticed: TokenBucket | None = None
        self._missing: dict[int, _Missing] = {}  # by unwrapped number, ascending: only higher ones are added
        self._wants_keyframe = False
        self.recovered = 0
        self.given_up = 0

    def received(self, sequence: int, now: float) -> None:
        self._count += 1
        highest = self._highest
        if highest is None:
            self._highest = sequence
            return
        ahead = (sequence - highest) & 0xFFFF
        if ahead == 1:
            self._highest = highest + 1
        elif ahead >= 0x8000:
            self._late(highest + ahead - 0x10000)
        elif ahead:
            self._gap(highest, highest + ahead, now)

    def due(self, now: float, rtt_s: float) -> list[int]:
        """The sequence numbers to put into a NACK now, in order; each again after the round trip time."""
        if not self._missing:
            return []
        asked: list[int] = []
        hopeless: list[int] = []
        interval_s = max(rtt_s, MIN_INTERVAL_S)
        for number, missing in self._missing.items():
            overtaken = self._count - missing.count_when_noticed + 1
            if now < missing.due_s and (missing.tries or overtaken < REORDER_PACKETS):
                continue
            if missing.tries == MAX_TRIES:
                hopeless.append(number)
                continue
            missing.tries += 1
            missing.due_s = now + interval_s
            asked.append(number & 0xFFFF)
        if hopeless:
            self._give_up(hopeless)
        return asked

    @property
    def newest(self) -> int:
        """The newest sequence number that has come."""
        return 0 if self._highest is None else self._highest & 0xFFFF

    @property
    def missing(self) -> int:
        """How many are being waited for."""
        return len(self._missing)

    def take_keyframe_wish(self) -> bool:
        """True once after packets were given up: what follows cannot be decoded without a keyframe."""
        wish, self._wants_keyframe = self._wants_keyframe, False
        return wish

    def forget_before(self, sequence: int) -> None:
        """A keyframe starts at `sequence`: nothing before it is worth asking for."""
        if self._highest is None or not self._missing:
            return
        start = self._highest - (self._highest - sequence & 0xFFFF)
        for number in [one for one in self._missing if one < start]:
            del self._missing[number]

    def _late(self, number: int) -> None:
        if self._missing.pop(number, None):
            self.recovered += 1
        elif self._highest is not None and self._highest - number > MAX_DROPOUT:
            self._restart(number)

    def _gap(self, highest: int, number: int, now: float) -> None:
        self._highest = number
        if number - highest > MAX_DROPOUT:
            self._restart(number)
            return
        if self._noticed is None:
            self._noticed = TokenBucket(MAX_NOTICED_PER_S, MAX_NOTICED_PER_S, now)
        if not self._noticed.take(min(number - highest - 1, MAX_MISSING), now):
            self.given_up += number - highest - 1
            self._wants_keyframe = True
            return
        for one in range(max(highest + 1, number - MAX_MISSING), number):
            self._missing[one] = _Missing(now + REORDER_S, self._count)
        skipped = number - highest - 1 - MAX_MISSING
        excess = len(self._missing) - MAX_MISSING
        if skipped > 0:
            self.given_up += skipped
            self._wants_keyframe = True
        if excess > 0:
            self._give_up(list(self._missing)[:excess])

    def _restart(self, number: int) -> None:
        """The sender numbers anew (RFC 3550 appendix A.1): nothing from before will come."""
        self._highest = number
        self._missing.clear()
        self._wants_keyframe = True

    def _give_up(self, numbers: list[int]) -> None:
        for number in numbers:
            del self._missing[number]
        self.given_up += len(numbers)
        self._wants_keyframe = True
