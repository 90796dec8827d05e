"""Rows that have words, asked of the table of a text index."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

_MOST_JOINED = 16
_COUNTED = 16_000
FEW = 1000


@dataclass(slots=True)
class WordScan:
    """The rows that have all of the words `every`, the rarest first, or without those one of `some`.

    `way` is 1 or -1 when they are wanted in the order of their `_id`.
    """

    table: str
    every: tuple[bytes, ...]
    some: tuple[bytes, ...]
    way: int = 0

    def rows(self) -> tuple[str, list[bytes]]:
        """A statement for the numbers `n` of the rows, each once."""
        if not self.every:
            return f"SELECT DISTINCT n FROM {self.table} WHERE key IN ({_marks(self.some)})", list(self.some)
        joins = (
            f" CROSS JOIN {self.table} AS t{at} ON t{at}.key = ? AND t{at}.n = t0.n"
            for at in range(1, len(self.every))
        )
        statement = f"SELECT t0.n FROM {self.table} AS t0{''.join(joins)} WHERE t0.key = ?"
        return statement, [*self.every[1:], self.every[0]]

    def condition(self, row: str) -> tuple[str, list[bytes]]:
        """A condition that holds when the row of this number is one of them."""
        exists = f"EXISTS (SELECT 1 FROM {self.table} AS t WHERE t.n = {row} AND t.key"
        if not self.every:
            return f"{exists} IN ({_marks(self.some)}))", list(self.some)
        return " AND ".join(f"{exists} = ?)" for _ in self.every), list(self.every)

    def are_few(self, sql: sqlite3.Connection) -> bool:
        statement, values = self.rows()
        count = f"SELECT count(*) FROM ({statement} LIMIT {FEW + 1})"
        return int(sql.execute(count, values).fetchone()[0]) <= FEW


def rarest(sql: sqlite3.Connection, table: str, words: Iterable[str]) -> tuple[bytes, ...]:
    """The rarest of the words, as many as one statement can join. How rare is counted up to a bound."""
    count = f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE key = ? LIMIT {_COUNTED})"
    keys = sorted(word.encode() for word in words)[: 4 * _MOST_JOINED]
    if len(keys) > 1:
        keys.sort(key=lambda key: sql.execute(count, (key,)).fetchone()[0])
    return tuple(keys[:_MOST_JOINED])


def _marks(values: tuple[bytes, ...]) -> str:
    return ", ".join("?" * len(values))
