"""Who speaks in each room of a worker, told when the order changes and never more often than every 300 ms."""

from collections.abc import Callable
from typing import Final

from mediaserver.media.core.quality.active_speakers import SpeakerRanking
from mediaserver.media.forwarding.track import Track

INTERVAL_S: Final = 0.3
TOLD: Final = 5
"""A change below the first few is of no interest."""


class Speakers:
    """Fed with the audio levels of microphones; `on_change` gets (room, track ids, loudest first)."""

    def __init__(self, on_change: Callable[[str, list[str]], None]) -> None:
        self._on_change = on_change
        self._rankings: dict[str, SpeakerRanking[str]] = {}
        self._told: dict[str, tuple[str, ...]] = {}
        self._last_tick = 0.0

    def heard(self, track: Track, level: int, now: float) -> None:
        """A packet's level (RFC 6464: 0 is loudest, 127 silence)."""
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
        """The room's last transport is gone."""
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
