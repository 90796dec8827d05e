"""Ranks the active speakers of each room and reports changes of the order, at most every 300 ms."""

from collections.abc import Callable
from typing import Final

from mediaserver.media.core.quality.active_speakers import SpeakerRanking
from mediaserver.media.forwarding.streams import Track

INTERVAL_S: Final = 0.3
TOLD: Final = 5
"""Changes below these ranks are not reported."""


class Speakers:
    """Gets the audio levels of microphones. `on_change` is called with the room and its track ids, loudest
    first."""

    def __init__(self, on_change: Callable[[str, list[str]], None]) -> None:
        self._on_change = on_change
        self._rankings: dict[str, SpeakerRanking[str]] = {}
        self._told: dict[str, tuple[str, ...]] = {}
        self._last_tick = 0.0

    def heard(self, track: Track, level: int, now: float) -> None:
        """Record the level of a packet (RFC 6464: 0 is loudest, 127 is silence)."""
        if track.source == "microphone":
            ranking = self._rankings.get(track.transport.room)
            if ranking is None:
                ranking = self._rankings[track.transport.room] = SpeakerRanking()
            ranking.update(track.id, level, now)

    def remove(self, track: Track) -> None:
        ranking = self._rankings.get(track.transport.room)
        if ranking is not None:
            ranking.remove(track.id)

    def forget(self, room: str) -> None:
        """Forget a room whose last transport was closed."""
        self._rankings.pop(room, None)
        self._told.pop(room, None)

    def tick(self, now: float) -> None:
        if now - self._last_tick < INTERVAL_S:
            return
        self._last_tick = now
        for room, ranking in self._rankings.items():
            order = ranking.ranking(now)
            if order[:TOLD] != self._told.get(room, ())[:TOLD]:
                self._told[room] = order
                self._on_change(room, list(order))
