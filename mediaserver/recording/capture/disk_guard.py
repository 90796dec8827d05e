"""Decides which recordings end because the disk fills up, and warns them some time before. Pure.

The recording that writes most ends first, and only as many end as it takes: one runaway recording does not cut
off the others. This happens early enough that every recording can be warned before the reserve is touched, and
that what was captured can still be composed.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

LEAD: Final = 2.0
"""A recording is warned when the disk would be full in so many notices: its own, and one for those after it."""
COMPOSE_FACTOR: Final = 3.0
"""Composing needs so many times the size of the journals: the tracks again, and the program."""
_ENOUGH: Final = 1.5
"""Warnings are withdrawn when there is so much more room than would be warned of, so that they do not flicker."""
_IDLE_BYTES_PER_S: Final = 100.0
"""Ending a recording that writes less than this gains nothing."""


class Running(NamedTuple):
    """A running recording."""

    recording: str
    size_bytes: int
    """Of its journals."""
    bytes_per_s: float
    ends_at_s: float | None = None
    """When it will be stopped, if it was warned."""


class Decision(NamedTuple):
    """The ids of recordings to warn, to let go on after all, and to stop now."""

    warn: Sequence[str] = ()
    withdraw: Sequence[str] = ()
    stop: Sequence[str] = ()


def decide(
    free_bytes: int, reserve_bytes: int, running: Sequence[Running], now_s: float, notice_s: float = 60.0
) -> Decision:
    """Decide by the free bytes of the disk, of which `reserve_bytes` are for documents.

    Recordings are to be warned `notice_s` before they are stopped.
    """
    room = free_bytes - reserve_bytes
    writing = sorted(
        (one for one in running if one.bytes_per_s >= _IDLE_BYTES_PER_S), key=lambda one: -one.bytes_per_s
    )
    warned = [one for one in running if one.ends_at_s is not None]
    if warned and room >= _ENOUGH * _needed(running, (), now_s, notice_s):
        return Decision(withdraw=_ids(warned))
    stop = [one for one in warned if one.ends_at_s is not None and one.ends_at_s <= now_s]
    if not stop and free_bytes < reserve_bytes // 2:  # something else fills the disk: no time for notice
        stop = writing[:1]
    waiting = [one for one in warned if one not in stop]
    unwarned = [one for one in writing if one not in stop and one not in waiting]
    warn: list[Running] = []
    while unwarned and room < _needed(unwarned, [*waiting, *warn], now_s, notice_s):
        if room < 0 and (stop or waiting or warn):  # the reserve is touched: one after another
            break
        warn.append(unwarned.pop(0))
    return Decision(_ids(warn), (), _ids(stop))


def _needed(going_on: Iterable[Running], ending: Iterable[Running], now_s: float, notice_s: float) -> float:
    """Bytes until those that are `ending` have ended and the others could be warned, and to compose the largest.

    Whether there is room to compose one that ends anyway does not concern the others.
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
