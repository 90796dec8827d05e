"""What was looked up a moment ago: bounded, short-lived, forgotten at once when it is known to have changed."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Ids = frozenset[str]


@dataclass(frozen=True, slots=True)
class _Known:
    ids: Ids
    until: float


class Remembered:
    """Sets of ids by key. `max_ids` bounds all of them together; the longest unused goes first.

    What was being looked up while it changed is handed out but not remembered.
    """

    def __init__(self, max_ids: int, ttl_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_ids, self._ttl_s, self._clock = max_ids, ttl_s, clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._looking: dict[str, object] = {}
        self._size = 0

    async def get(self, key: str, look_up: Callable[[], Awaitable[Ids]]) -> Ids:
        known = self._known.get(key)
        if known is not None and self._clock() < known.until:
            self._known.move_to_end(key)
            return known.ids
        mine = self._looking[key] = object()
        try:
            found = await look_up()
            if self._looking.get(key) is mine:
                self._remember(key, found)
        finally:
            if self._looking.get(key) is mine:
                del self._looking[key]
        return found

    def drop(self, key: str) -> None:
        """It is not what it was."""
        self._looking.pop(key, None)
        if known := self._known.pop(key, None):
            self._size -= _weight(known.ids)

    def clear(self) -> None:
        self._known.clear()
        self._looking.clear()
        self._size = 0

    def _remember(self, key: str, ids: Ids) -> None:
        if old := self._known.pop(key, None):
            self._size -= _weight(old.ids)
        self._known[key] = _Known(ids, self._clock() + self._ttl_s)
        self._size += _weight(ids)
        while self._size > self._max_ids:
            _, oldest = self._known.popitem(last=False)
            self._size -= _weight(oldest.ids)


def _weight(ids: Ids) -> int:
    return len(ids) + 4
