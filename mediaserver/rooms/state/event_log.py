"""The numbered events of a room: gapless within an epoch, the latest kept to be replayed after an absence."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Since:
    """What a client saw last: chat sequence, epoch and event number."""

    chat: int | None = None
    epoch: str | None = None
    n: int | None = None


class EventLog:
    """Numbers events from 1 and remembers the latest `memory` of them."""

    def __init__(self, epoch: str, memory: int = 512) -> None:
        self.epoch = epoch
        self.n = 0
        self._kept: deque[dict[str, Any]] = deque(maxlen=memory)

    def append(self, event: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """The event's data with `epoch` and its `n`."""
        self.n += 1
        numbered = {**data, "epoch": self.epoch, "n": self.n}
        self._kept.append({"n": self.n, "event": event, "data": numbered})
        return numbered

    def since(self, epoch: str | None, n: int | None) -> list[dict[str, Any]] | None:
        """The events after `n`; None when they are not known any more (or never were): take a snapshot then."""
        if epoch != self.epoch or n is None or n > self.n or self.n - n > len(self._kept):
            return None
        return list(self._kept)[len(self._kept) - (self.n - n) :]
