"""Decides which recordings are stopped because the disk fills up, and warns them some time before. Pure.

The recording that writes most is stopped first, and only as many as necessary: one runaway recording does not
end the others. This happens early enough to warn every recording before the reserve is used, and to leave room
for composing.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

LEAD: Final = 2.0
"""A recording is warned when the disk would be full in this many notice periods: its own, and one for later
ones."""
COMPOSE_FACTOR: Final = 3.0
"""Disk space for composing, as a multiple of the journals: the track files and the program."""
_ENOUGH: Final = 1.5
"""Warnings are withdrawn only when there is this much more room than their threshold, so that they do not
flicker."""
_IDLE_BYTES_PER_S: Final = 100.0
"""Stopping a recording that writes less than this frees too little to help."""


class Running(NamedTuple):
    """A running recording."""

    recording: str
    size_bytes: int
    """Size of its journals in bytes."""
    bytes_per_s: float
    ends_at_s: float | None = None
    """When it will be stopped, after a warning."""


class Decision(NamedTuple):
    """Ids of recordings to warn, whose warning to withdraw, and to stop now."""

    warn: Sequence[str] = ()
    withdraw: Sequence[str] = ()
    stop: Sequence[str] = ()


def decide(
    free_bytes: int, reserve_bytes: int, running: Sequence[Running], now_s: float, notice_s: float = 60.0
) -> Decision:
    """Decide from the free bytes of the disk, of which `reserve_bytes` are reserved for documents.

    Recordings are warned `notice_s` before they are stopped.
    """
    room = free_bytes - reserve_bytes
    writing = sorted(
        (one for one in running if one.bytes_per_s >= _IDLE_BYTES_PER_S), key=lambda one: -one.bytes_per_s
    )
    warned = [one for one in running if one.ends_at_s is not None]
    if warned and room >= _ENOUGH * _needed(running, (), now_s, notice_s):
        return Decision(withdraw=_ids(warned))
    stop = [one for one in warned if one.ends_at_s is not None and one.ends_at_s <= now_s]
    if not stop and free_bytes < reserve_bytes // 2:  # something else fills the disk: there is no time for notice
        stop = writing[:1]
    waiting = [one for one in warned if one not in stop]
    unwarned = [one for one in writing if one not in stop and one not in waiting]
    warn: list[Running] = []
    while unwarned and room < _needed(unwarned, [*waiting, *warn], now_s, notice_s):
        if room < 0 and (stop or waiting or warn):  # the reserve is being used: stop one after another
            break
        warn.append(unwarned.pop(0))
    return Decision(_ids(warn), (), _ids(stop))


def _needed(going_on: Iterable[Running], ending: Iterable[Running], now_s: float, notice_s: float) -> float:
    """Return the bytes needed until those `ending` have ended, to warn the others, and to compose the largest.

    Whether there is room to compose a recording that ends anyway does not affect the others.
    """
    going_on, lead_s = list(going_on), LEAD * notice_s
    written = sum(one.bytes_per_s * lead_s for one in going_on)
    for one in ending:
        left_s = notice_s if one.ends_at_s is None else max(0.0, one.ends_at_s - now_s)
        written += one.bytes_per_s * left_s
    largest = max((one.size_bytes + one.bytes_per_s * lead_s for one in going_on), default=0.0)
    return written + COMPOSE_FACTOR * largest


def _ids(those: Iterable[Running]) -> tuple[str, ...]:
    return tuple(one.recording for one in those)
