"""The text of `/metrics`, rendered at most a few times per second, however often it is requested.

Rendering takes milliseconds, and the endpoint needs no sign-in.
"""

from typing import Final

from prometheus_client import CollectorRegistry, generate_latest

FRESH_S: Final = 0.25


class Scrapes:
    """Caches the latest text. The clock is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._text, self._until_s = b"", float("-inf")

    def take(self, now: float) -> bytes:
        """Return the metrics as of now, or of at most `FRESH_S` seconds ago."""
        if now >= self._until_s:
            self._text, self._until_s = generate_latest(self._registry), now + FRESH_S
        return self._text
