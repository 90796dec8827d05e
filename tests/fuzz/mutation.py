"""Blind mutation: for targets whose coverage cannot be measured, and where atheris has no wheel."""

import random
from collections.abc import Callable, Sequence

Mutation = Callable[[random.Random, bytearray, "Mutator"], None]


class Mutator:
    """Makes inputs out of others. The same seed makes the same inputs."""

    def __init__(self, seed: int, inputs: Sequence[bytes], words: Sequence[bytes], max_length: int) -> None:
        self._random = random.Random(seed)
        self.inputs = list(inputs) or [b""]
        self.words = list(words)
        self.max_length = max_length

    def next(self) -> bytes:
        data = bytearray(self._random.choice(self.inputs))
        for _ in range(self._random.randint(1, 8)):
            self._random.choice(_MUTATIONS)(self._random, data, self)
        return bytes(data[: self.max_length])


def _span(chance: random.Random, data: bytearray) -> slice:
    start = chance.randint(0, len(data))
    return slice(start, start + min(chance.randint(0, 64), len(data) - start))


def _flip(chance: random.Random, data: bytearray, _: Mutator) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _replace(chance: random.Random, data: bytearray, _: Mutator) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))


def _delete(chance: random.Random, data: bytearray, _: Mutator) -> None:
    del data[_span(chance, data)]


def _insert(chance: random.Random, data: bytearray, _: Mutator) -> None:
    at = chance.randint(0, len(data))
    data[at:at] = chance.randbytes(chance.randint(1, 8))


def _word(chance: random.Random, data: bytearray, mutator: Mutator) -> None:
    if mutator.words:
        at = chance.randint(0, len(data))
        data[at:at] = chance.choice(mutator.words)


def _repeat(chance: random.Random, data: bytearray, mutator: Mutator) -> None:
    span = _span(chance, data)
    if piece := data[span]:
        most = max(1, min(200, (mutator.max_length - len(data)) // len(piece)))
        data[span.stop : span.stop] = bytes(piece) * chance.randint(1, most)


def _splice(chance: random.Random, data: bytearray, mutator: Mutator) -> None:
    other = bytearray(chance.choice(mutator.inputs))
    data[_span(chance, data)] = other[_span(chance, other)]


_MUTATIONS: tuple[Mutation, ...] = (_flip, _replace, _delete, _insert, _word, _word, _repeat, _splice)
