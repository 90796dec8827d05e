"""Puts stored chat messages in the order of their sequence: what goes out is gapless and without repetition."""

from typing import Generic, TypeVar

T = TypeVar("T")


class ChatOrder(Generic[T]):
    """Messages may come in any order and more than once; they leave by sequence, each after its predecessor."""

    def __init__(self, last: int) -> None:
        self.last = last
        """The sequence that went out last."""
        self._early: dict[int, T] = {}

    def take(self, sequence: int, message: T) -> list[T]:
        """What may go out now that this one has come."""
        if sequence > self.last:
            self._early.setdefault(sequence, message)
        ready = []
        while (following := self._early.pop(self.last + 1, None)) is not None:
            self.last += 1
            ready.append(following)
        return ready

    @property
    def hole(self) -> bool:
        """Some message waits for one that has not come."""
        return bool(self._early)
