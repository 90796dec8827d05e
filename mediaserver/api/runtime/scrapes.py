"""The text of `/metrics`: written at most a few times a second, however often it is asked for.

Writing takes milliseconds, and anybody may ask without signing in.
"""

from typing import Final

from prometheus_client import CollectorRegistry, generate_latest

FRESH_S: Final = 0.25


class Scrapes:
    """The latest text. The clock is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._text, self._until_s = b"", float("-inf")

    def take(self, now: float) -> bytes:
        """Return the numbers of now, or of up to `FRESH_S` before."""
        if now >= self._until_s:
            self._text, self._until_s = generate_latest(self._registry), now + FRESH_S
        return self._text
