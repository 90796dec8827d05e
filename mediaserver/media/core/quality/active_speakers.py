"""Rank the active speakers, loudest first, by the audio levels in RTP headers (RFC 6464).

The ranking has hysteresis: a speaker must be clearly louder to overtake another, so that tiles do not flicker.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Track = TypeVar("Track", bound=Hashable)

SILENT_DBOV = 127
_RISE_S = 0.15
_FALL_S = 1.2
"""Time constants: a voice is noticed within a syllable or two and survives the pauses between words."""
_AUDIBLE = 70.0
"""Smoothed loudness (127 − level) from which a track counts as speaking: −57 dBov; room noise stays below."""
_MARGIN = 6.0
_FORGET_S = 2.0
"""Without packets for this long a track is silent (senders stop under DTX)."""


@dataclass(slots=True)
class _Voice:
    loudness: float
    heard_s: float


class SpeakerRanking(Generic[Track]):
    """Ranks tracks by loudness. Pass each audio packet's level to `update` and read `ranking`."""

    __slots__ = ("_order", "_voices")

    def __init__(self) -> None:
        self._voices: dict[Track, _Voice] = {}
        self._order: list[Track] = []

    def update(self, track: Track, level_dbov: int, now: float) -> None:
        """Add a packet's level in −dBov, as in the header extension: 0 is the loudest, 127 is silence."""
        loudness = float(SILENT_DBOV - min(level_dbov & 0x7F, SILENT_DBOV))
        voice = self._voices.get(track)
        if voice is None:
            self._voices[track] = _Voice(0.0, now - 0.02)
            voice = self._voices[track]
        elapsed_s = min(max(now - voice.heard_s, 0.0), _FORGET_S)
        constant_s = _RISE_S if loudness > voice.loudness else _FALL_S
        voice.loudness += (loudness - voice.loudness) * elapsed_s / (elapsed_s + constant_s)
        voice.heard_s = max(now, voice.heard_s)

    def remove(self, track: Track) -> None:
        self._voices.pop(track, None)
        if track in self._order:
            self._order.remove(track)

    def ranking(self, now: float) -> tuple[Track, ...]:
        """Return the speaking tracks, loudest first, without silent ones."""
        speaking = {
            track: voice.loudness
            for track, voice in self._voices.items()
            if voice.loudness >= _AUDIBLE and now - voice.heard_s <= _FORGET_S
        }
        order = [track for track in self._order if track in speaking]
        newcomers = [track for track in speaking if track not in order]
        order += sorted(newcomers, key=lambda track: -speaking[track])
        for end in range(1, len(order)):  # insertion sort that moves a track up only past clearly quieter ones
            at = end
            while at and speaking[order[at]] > speaking[order[at - 1]] + _MARGIN:
                order[at - 1], order[at] = order[at], order[at - 1]
                at -= 1
        self._order = order
        return tuple(order)
