"""Schedules the steps of DTLS handshakes fairly between addresses, with a bound on unfinished handshakes.

No handshake is refused: further ones wait for a free slot. Each address has a limited share of the slots, and
addresses take turns, so that neither many transports nor many datagrams of one address delay others.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class HandshakeQueue(Generic[Item]):
    """A queue of associations that have a datagram to process.

    `most` handshakes may be unfinished at once, `most_per_address` of one address (see `client_network`).
    """

    def __init__(self, most: int, most_per_address: int) -> None:
        self._most, self._most_per_address = most, most_per_address
        self._address: dict[Item, str] = {}
        self._open: set[Item] = set()
        self._finished: set[Item] = set()
        self._open_at: Counter[str] = Counter()
        self._ready: OrderedDict[str, deque[Item]] = OrderedDict()
        """Items that may take a step now, by address, in the order of the addresses' turns."""
        self._waiting: OrderedDict[str, deque[Item]] = OrderedDict()
        """Items that wait to start, by address."""
        self._queued: set[Item] = set()

    def add(self, item: Item, address: str) -> None:
        """Queue an item once; it keeps its first address."""
        if item in self._queued:
            return
        address = self._address.setdefault(item, address)
        place = self._ready if item in self._open or item in self._finished else self._waiting
        place.setdefault(address, deque()).append(item)
        self._queued.add(item)

    def next(self) -> Item | None:
        """Return the item whose turn it is; None if no item may take a step."""
        self._admit()
        if not self._ready:
            return None
        address, items = self._ready.popitem(last=False)
        item = items.popleft()
        if items:
            self._ready[address] = items
        self._queued.discard(item)
        return item

    @property
    def has_ready(self) -> bool:
        """Whether `next` would return an item."""
        self._admit()
        return bool(self._ready)

    def is_open(self, item: Item) -> bool:
        """Return whether the item's handshake has started."""
        return item in self._open

    def is_pressed(self, item: Item) -> bool:
        """Return whether another item waits for the slot of this item."""
        address = self._address.get(item, "")
        full = len(self._open) >= self._most and bool(self._waiting)
        return item in self._open and (full or address in self._waiting)

    def finish(self, item: Item) -> None:
        """Free the slot of a completed handshake; later steps need none."""
        self._leave(item)
        self._finished.add(item)

    def forget(self, item: Item) -> None:
        """Remove an association that ended."""
        self._leave(item)
        self._finished.discard(item)
        address = self._address.pop(item, None)
        if address is not None and item in self._queued:
            self._queued.discard(item)
            for place in (self._ready, self._waiting):
                items = place.get(address)
                if items is not None and item in items:
                    items.remove(item)
                    if not items:
                        del place[address]

    def _leave(self, item: Item) -> None:
        if item in self._open:
            self._open.discard(item)
            address = self._address[item]
            self._open_at[address] -= 1
            if not self._open_at[address]:
                del self._open_at[address]

    def _admit(self) -> None:
        """Assign free slots to waiting items, one address at a time."""
        for address in list(self._waiting):
            if len(self._open) >= self._most:
                return
            if self._open_at[address] >= self._most_per_address:
                continue
            items = self._waiting.pop(address)
            item = items.popleft()
            if items:
                self._waiting[address] = items
            self._open.add(item)
            self._open_at[address] += 1
            self._ready.setdefault(address, deque()).append(item)
            return
