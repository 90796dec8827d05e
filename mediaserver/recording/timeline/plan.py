"""Derives the timeline of a recording from its journals: which tracks are visible when and where, and their
clocks.

One pass over the records (`Survey`) is followed by `Plan`. No media is kept, so memory grows with the number of
events and five-second windows, not with packets.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from mediaserver.recording.capture.journal import Header
from mediaserver.recording.timeline.clocks import StreamClock, StreamKey, StreamSurvey, align
from mediaserver.recording.timeline.layout import Canvas, Tile, arrange
from mediaserver.recording.timeline.packets import Item, Packet, Report
from mediaserver.recording.timeline.speakers import Levels

_CAMERA_GAP_NS: Final = 5_000_000_000
_SCREEN_GAP_NS: Final = 15_000_000_000
"""Timeouts of tracks without packets: still screens are sent rarely, a silent camera has stopped."""

_LINGER_NS: Final = 500_000_000
"""How long the last picture is shown after the last packet."""


class Interval(NamedTuple):
    start_ns: int
    end_ns: int


class Scene(NamedTuple):
    """The layout from `start_ns` to `end_ns`."""

    start_ns: int
    end_ns: int
    tiles: tuple[Tile, ...]


@dataclass(slots=True)
class TrackSurvey:
    """What the first pass collects about a track."""

    header: Header
    streams: dict[int, StreamSurvey] = field(default_factory=dict)
    visible: list[Interval] = field(default_factory=list)
    packets: int = 0
    overflowed: int = 0
    _open_ns: int | None = None
    _last_ns: int = 0
    _enabled: bool = True

    def __post_init__(self) -> None:
        self._enabled = self.header.enabled

    def take(self, items: Iterable[Item], levels: Levels) -> None:
        """Collect a journal's items. The end of a journal ends nothing: the next one may continue at once."""
        for item in items:
            if isinstance(item, Packet):
                self._packet(item, levels)
            elif isinstance(item, Report):
                self._stream(item.ssrc).report(item)
            else:
                self._mark(item.arrival_ns, item.what)

    def finish(self) -> None:
        """Finish after the last journal."""
        self._close(self._last_ns + _LINGER_NS)

    def _stream(self, ssrc: int) -> StreamSurvey:
        if ssrc not in self.streams:
            self.streams[ssrc] = StreamSurvey(self.header.clock_rate)
        return self.streams[ssrc]

    def _packet(self, packet: Packet, levels: Levels) -> None:
        if not packet.payload:
            return
        self.packets += 1
        self._stream(packet.ssrc).packet(packet)
        if packet.level is not None:
            levels.add(self.header.participant, packet.arrival_ns, packet.level)
        gap = _SCREEN_GAP_NS if self.header.source == "screen" else _CAMERA_GAP_NS
        if packet.arrival_ns - self._last_ns > gap:
            self._close(self._last_ns + _LINGER_NS)
        if self._open_ns is None and self._enabled:
            self._open_ns = packet.arrival_ns
        self._last_ns = max(self._last_ns, packet.arrival_ns)

    def _mark(self, arrival_ns: int, what: dict[str, object]) -> None:
        overflow = what.get("overflow")
        self.overflowed += overflow if isinstance(overflow, int) else 0
        if isinstance(enabled := what.get("enabled"), bool):
            self._enabled = enabled
            if not enabled:
                self._close(arrival_ns)

    def _close(self, end_ns: int) -> None:
        if self._open_ns is not None and end_ns > self._open_ns:
            self.visible.append(Interval(self._open_ns, end_ns))
        self._open_ns = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The timeline of a recording, from `start_ns` to `end_ns` of the server's clock."""

    start_ns: int
    end_ns: int
    scenes: tuple[Scene, ...]
    clocks: dict[StreamKey, StreamClock]

    @property
    def duration_s(self) -> float:
        return (self.end_ns - self.start_ns) / 1e9


def plan(
    start_ns: int, end_ns: int, tracks: Sequence[TrackSurvey], levels: Levels, canvas: Canvas | None
) -> Plan:
    """The timeline; without a canvas there is nothing to see."""
    by_participant: dict[str, list[tuple[StreamKey, StreamSurvey]]] = defaultdict(list)
    for track in tracks:
        by_participant[track.header.participant] += [
            ((track.header.track, ssrc), stream) for ssrc, stream in track.streams.items()
        ]
    scenes = _scenes(start_ns, end_ns, tracks, levels, canvas) if canvas else ()
    return Plan(start_ns, end_ns, scenes, align(by_participant.values()))


def _scenes(
    start_ns: int, end_ns: int, tracks: Sequence[TrackSurvey], levels: Levels, canvas: Canvas
) -> tuple[Scene, ...]:
    shown = [track for track in tracks if track.header.kind == "video" and track.visible]
    speakers = list(levels.speakers())
    edges = {start_ns, end_ns} | {time_ns for time_ns, _ in speakers}
    edges.update(edge for track in shown for interval in track.visible for edge in interval)
    times = sorted(edge for edge in edges if start_ns <= edge <= end_ns)
    scenes: list[Scene] = []
    large: str | None = None
    for since, until in pairwise(times):
        visible = [track.header for track in shown if any(a <= since < b for a, b in track.visible)]
        speaker = next((who for time_ns, who in reversed(speakers) if time_ns <= since), None)
        large = _large(visible, speaker, large)
        beside = [header.track for header in visible if header.track != large]
        tiles = arrange(large, beside, canvas)
        if scenes and scenes[-1].tiles == tiles:
            since = scenes.pop().start_ns
        scenes.append(Scene(since, until, tiles))
    return tuple(scenes)


def _large(visible: Sequence[Header], speaker: str | None, before: str | None) -> str | None:
    """The newest screen, else the speaker's camera, else what was large before, else the first."""
    screens = [header for header in visible if header.source == "screen"]
    if screens:
        return max(screens, key=lambda header: header.started_ns).track
    names = [header.track for header in visible]
    spoken = [header.track for header in visible if header.participant == speaker]
    stays = [before] if before in names else []
    return next((name for name in (*spoken, *stays, *names)), None)
