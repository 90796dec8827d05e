"""A bounded queue of entries from many sources that serves the sources in turn."""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class RoundRobinQueue(Generic[T]):
    """A source with many entries delays only itself: each `pop` serves the next source.

    When the queue is full, the newest entry of the source that holds most makes room, so that one source cannot
    keep others out; among equals the new entry is refused.
    """

    def __init__(self, max_entries: int, max_per_source: int) -> None:
        self._max_entries, self._max_per_source = max_entries, max_per_source
        self._entries: OrderedDict[str, deque[T]] = OrderedDict()
        """By source, in the order of their turns."""
        self._by_size: list[dict[str, None]] = [{} for _ in range(max_per_source + 1)]
        """The sources that have so many entries waiting."""
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def push(self, source: str, entry: T) -> T | None:
        """Add an entry; return the one that has no place: the new one, one that was displaced, or None."""
        mine, displaced = len(self._entries.get(source, ())), None
        if mine >= self._max_per_source:
            return entry
        if self._length >= self._max_entries:
            largest = self._largest()
            if len(self._entries[largest]) <= mine + 1:
                return entry
            displaced = self._entries[largest].pop()
            self._resized(largest, -1)
        self._entries.setdefault(source, deque()).append(entry)
        self._resized(source, +1)
        return displaced

    def pop(self) -> T | None:
        """Remove and return the oldest entry of the source whose turn it is."""
        if not self._length:
            return None
        source = next(iter(self._entries))
        entry = self._entries[source].popleft()
        self._entries.move_to_end(source)
        self._resized(source, -1)
        return entry

    def remove(self, source: str, entry: T) -> bool:
        """Remove an entry that gives up; False when it does not wait any more."""
        try:
            self._entries[source].remove(entry)
        except (KeyError, ValueError):
            return False
        self._resized(source, -1)
        return True

    def _resized(self, source: str, by: int) -> None:
        size = len(self._entries[source])
        self._length += by
        self._by_size[size - by].pop(source, None)
        if size:
            self._by_size[size][source] = None
        else:
            del self._entries[source]

    def _largest(self) -> str:
        return next(source for sources in reversed(self._by_size) for source in sources)
