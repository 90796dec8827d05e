"""Choose the simulcast layers of a subscriber whose downlink is too narrow for all requested layers."""

from collections.abc import Sequence

Options = Sequence[int]
"""The bitrates of one slot's layers, from the one that its tile asks for down to the smallest; never empty."""


def allocate(slots: Sequence[Options], limit_bps: float, *, may_pause: bool) -> list[int | None]:
    """Return the index of the layer chosen for each slot, or None if the slot is paused.

    `slots` are in order of importance, the most important first. The layers with the highest bitrates are lowered
    first, so that all keep moving. When even the smallest layers do not fit and slots may be paused, the least
    important ones are. What is left is then given to the most important.
    """
    chosen: list[int | None] = [0] * len(slots)
    while total_bps(slots, chosen) > limit_bps:
        lowerable = [at for at, index in enumerate(chosen) if index is not None and index + 1 < len(slots[at])]
        if not lowerable:
            break
        at = max(lowerable, key=lambda at: (_bitrate(slots[at], chosen[at]), at))
        chosen[at] = (chosen[at] or 0) + 1
    if may_pause:
        for at in reversed(range(len(slots))):
            if total_bps(slots, chosen) <= limit_bps:
                break
            chosen[at] = None
    for at in range(len(slots)):
        while (better := _better(slots, chosen, at)) is not None and total_bps(slots, better) <= limit_bps:
            chosen = better
    return chosen


def next_step_bps(slots: Sequence[Options], chosen: Sequence[int | None]) -> int | None:
    """Return the total bitrate with the next improvement: a paused slot resumed, else the cheapest better layer.

    None when nothing is held back.
    """
    total = total_bps(slots, chosen)
    steps = []
    for options, index in zip(slots, chosen, strict=True):
        if index is None:
            return total + options[-1]
        if index:
            steps.append(total + options[index - 1] - options[index])
    return min(steps, default=None)


def total_bps(slots: Sequence[Options], chosen: Sequence[int | None]) -> int:
    return sum(_bitrate(options, index) for options, index in zip(slots, chosen, strict=True))


def _bitrate(options: Options, index: int | None) -> int:
    return 0 if index is None else options[index]


def _better(slots: Sequence[Options], chosen: Sequence[int | None], at: int) -> list[int | None] | None:
    """Return `chosen` with one slot improved by one step, or None if the slot has its requested layer."""
    index = chosen[at]
    if index == 0:
        return None
    better = list(chosen)
    better[at] = len(slots[at]) - 1 if index is None else index - 1
    return better
