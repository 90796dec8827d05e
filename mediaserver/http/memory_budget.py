"""How many bytes of unfinished requests are kept in memory, by whom, and whose are dropped when it is too much.

A holder is one connection, an owner is whom it belongs to: an address, or a signed-in user.
"""

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

H = TypeVar("H", bound=Hashable)

_KEPT: Final = 0.75
"""Of the limit: dropping more than necessary makes the next search for the largest rare."""


class MemoryBudget(Generic[H]):
    """At most `limit` bytes in total. What exceeds it is taken from the owner that holds most."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.total = 0
        self.dropped = 0
        """Holders that were told to drop theirs."""
        self._held: dict[str, dict[H, int]] = {}
        self._totals: dict[str, int] = {}

    def hold(self, holder: H, owner: str, size: int) -> list[H]:
        """Count `size` more bytes; return the holders that have to drop theirs, which are released already."""
        held = self._held.setdefault(owner, {})
        held[holder] = held.get(holder, 0) + size
        self._totals[owner] = self._totals.get(owner, 0) + size
        self.total += size
        return self._drop() if self.total > self.limit else []

    def release(self, holder: H, owner: str) -> int:
        """Forget what `holder` holds; return how many bytes that were."""
        held = self._held.get(owner)
        if held is None or (size := held.pop(holder, None)) is None:
            return 0
        self.total -= size
        self._totals[owner] -= size
        if not held:
            del self._held[owner], self._totals[owner]
        return size

    def _drop(self) -> list[H]:
        target, dropped = int(self.limit * _KEPT), list[H]()
        while self.total > target:
            owner = max(self._totals, key=self._totals.__getitem__)
            # From one owner down to a half of what it has; then another may be the largest.
            down_to = self._totals[owner] // 2
            for holder in sorted(held := self._held[owner], key=held.__getitem__, reverse=True):
                self.release(holder, owner)
                dropped.append(holder)
                if self.total <= target or self._totals.get(owner, 0) <= down_to:
                    break
        self.dropped += len(dropped)
        return dropped
