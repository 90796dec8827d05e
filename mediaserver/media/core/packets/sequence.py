"""Sequence numbers and timestamps that wrap, and the map from a bound stream's numbering to a slot's own.

A slot's outgoing sequence numbers only ever continue: they never restart and never stand for two packets.
"""

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

Source = TypeVar("Source")

MAX_DROPOUT = 3000
"""A jump this far, either way, is a restarted stream, not loss (RFC 3550 appendix A.1)."""

_STEPS_KEPT = 64


def newer(a: int, b: int, bits: int = 16) -> bool:
    """Whether `a` comes after `b` in modular arithmetic (RFC 1982; half the space apart counts as older)."""
    return 0 < (a - b) & ((1 << bits) - 1) < 1 << (bits - 1)


class SequenceUnwrapper:
    """Extends numbers of `bits` bits to ones that do not wrap; starts with the first number itself.

    Numbers from before the first one may come out negative; modulo 2**bits they are still right.
    """

    __slots__ = ("_half", "_mask", "highest")

    def __init__(self, bits: int = 16) -> None:
        self._mask = (1 << bits) - 1
        self._half = 1 << (bits - 1)
        self.highest: int | None = None

    def unwrap(self, number: int) -> int:
        highest = self.highest
        if highest is None:
            self.highest = number
            return number
        ahead = (number - highest) & self._mask
        if ahead < self._half:
            self.highest = highest + ahead
            return highest + ahead
        return highest + ahead - self._mask - 1


class Origin(NamedTuple, Generic[Source]):
    """Where an outgoing packet came from."""

    source: Source
    generation: int
    sequence: int
    timestamp_offset: int
    """Added to the incoming timestamp, modulo 2**32, it gives the outgoing one."""


@dataclass(slots=True)
class _Step(Generic[Source]):
    """A stretch of incoming numbers [first, end) that goes out as first + shift …; `end` None: still open."""

    source: Source
    generation: int
    first: int
    end: int | None
    shift: int
    timestamp_offset: int


class SlotRewriter(Generic[Source]):
    """Maps the packets of one bound source after another to a slot's continuous numbering.

    `source` names the incoming stream (an SSRC, say) for the way back from an outgoing number, see `origin`.
    The first outgoing sequence and timestamp are chosen by the caller, at random (RFC 3550 section 5.1).
    """

    __slots__ = (
        "_clock_rate", "_highest", "_last_s", "_last_sequence", "_last_timestamp", "_source", "_started",
        "_steps", "generation",
    )  # fmt: skip

    def __init__(self, clock_rate: int, source: Source, first_sequence: int, first_timestamp: int) -> None:
        self._clock_rate = clock_rate
        self._source = source
        self._steps: list[_Step[Source]] = []
        self._started = False
        self._highest = 0
        self._last_sequence = first_sequence - 1
        self._last_timestamp = first_timestamp
        self._last_s: float | None = None
        self.generation = 0
        """Counts bindings and restarts of a bound source's own numbering."""

    @property
    def last_sequence(self) -> int:
        """The highest number sent so far (one less than the first before that)."""
        return self._last_sequence & 0xFFFF

    @property
    def timestamp_offset(self) -> int | None:
        """What is added to the bound source's timestamps, None before its first packet."""
        return self._steps[-1].timestamp_offset if self._started else None

    def rebind(self, source: Source) -> None:
        """From the next packet on the slot carries `source`: it continues at the last sequence + 1."""
        self._source = source
        self._started = False
        self.generation += 1

    def rewrite(self, sequence: int, timestamp: int, now: float) -> tuple[int, int] | None:
        """The outgoing (sequence, timestamp) of a packet of the bound source; None: drop it.

        Dropped are packets from before the one that the binding began with, and ones that were skipped. Gaps
        stay gaps, so that the subscriber asks for what is missing; late packets fill them.
        """
        if not self._started:
            self._begin(sequence, timestamp, now)
        ahead = (sequence - self._highest + 0x8000 & 0xFFFF) - 0x8000
        if ahead > MAX_DROPOUT or ahead < -MAX_DROPOUT:
            self.generation += 1
            self._begin(sequence, timestamp, now)
            ahead = 0
        incoming = self._highest + ahead
        step = self._steps[-1] if incoming >= self._steps[-1].first else self._earlier_step(incoming)
        if step is None:
            return None
        outgoing = incoming + step.shift
        out_timestamp = timestamp + step.timestamp_offset & 0xFFFFFFFF
        if ahead > 0:
            self._highest = incoming
        if outgoing > self._last_sequence:
            self._last_sequence = outgoing
            self._last_timestamp = out_timestamp
            self._last_s = now
        return outgoing & 0xFFFF, out_timestamp

    def rewrite_run(self, first: int, last: int, last_timestamp: int, now: float) -> tuple[int, int] | None:
        """As `rewrite` for packets in ascending order (gaps allowed, nothing skipped among them), in one call.

        Returns what to add to each sequence (modulo 2**16) and timestamp (modulo 2**32), or None when the run is
        not simply the next one: then each packet goes through `rewrite`.
        """
        ahead = (first - self._highest) & 0xFFFF
        span = (last - first) & 0xFFFF
        if not self._started or not 0 < ahead <= MAX_DROPOUT or span > MAX_DROPOUT:
            return None
        step = self._steps[-1]  # it is open and starts at `_highest` + 1 at the latest
        self._highest += ahead + span
        self._last_sequence = self._highest + step.shift
        self._last_timestamp = last_timestamp + step.timestamp_offset & 0xFFFFFFFF
        self._last_s = now
        return step.shift & 0xFFFF, step.timestamp_offset

    def skip(self, sequence: int) -> None:
        """A packet of the bound source is not forwarded (it holds padding only): close the gap that it leaves.

        Nothing happens when later ones have been sent already: their numbers are final.
        """
        if not self._started:
            return
        ahead = (sequence - self._highest) & 0xFFFF
        if not 0 < ahead <= MAX_DROPOUT:
            return
        skipped = self._highest + ahead
        self._highest = skipped
        step = self._steps[-1]
        if step.first == skipped:  # the one before was skipped, too
            step.first += 1
            step.shift -= 1
            return
        step.end = skipped
        self._append(skipped + 1, step.shift - 1, step.timestamp_offset)

    def origin(self, sequence: int) -> Origin[Source] | None:
        """The incoming packet that went out (or would have) as `sequence`; None when that is too long ago."""
        outgoing = self._last_sequence - (self._last_sequence - sequence & 0xFFFF)
        for step in reversed(self._steps):
            incoming = outgoing - step.shift
            if incoming >= step.first and (step.end is None or incoming < step.end):
                return Origin(step.source, step.generation, incoming & 0xFFFF, step.timestamp_offset)
        return None

    def _begin(self, sequence: int, timestamp: int, now: float) -> None:
        """Let `sequence` go out as the next number, its timestamp advanced by the time since the last packet."""
        if self._last_s is None:
            out_timestamp = self._last_timestamp
        else:
            out_timestamp = self._last_timestamp + max(1, round((now - self._last_s) * self._clock_rate))
        if self._steps and self._steps[-1].end is None:
            self._steps[-1].end = max(self._last_sequence + 1 - self._steps[-1].shift, self._steps[-1].first)
        self._started = True
        self._highest = sequence
        self._append(sequence, self._last_sequence + 1 - sequence, out_timestamp - timestamp & 0xFFFFFFFF)

    def _append(self, first: int, shift: int, timestamp_offset: int) -> None:
        self._steps.append(_Step(self._source, self.generation, first, None, shift, timestamp_offset))
        if len(self._steps) > _STEPS_KEPT:
            del self._steps[0]

    def _earlier_step(self, incoming: int) -> _Step[Source] | None:
        binding = self._steps[-1].generation
        for step in reversed(self._steps):
            if step.generation != binding:
                return None
            if incoming >= step.first:
                return step if step.end is None or incoming < step.end else None
        return None
