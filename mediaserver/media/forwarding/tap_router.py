"""Decides which layer of a track its taps copy to egress, and from which keyframe on."""

from collections.abc import Callable

from mediaserver.media.forwarding.streams import Stream, Tap, Track
from mediaserver.media.tapping import framing
from mediaserver.media.tapping.egress_tap import Taps


class TapRouter:
    """The taps of all tracks. `request_keyframe` requests a keyframe if subscribers of the stream need one."""

    def __init__(
        self, taps: Taps, realtime_ns: Callable[[], int], request_keyframe: Callable[[Stream, float], None]
    ) -> None:
        self._taps, self._realtime_ns, self._request_keyframe = taps, realtime_ns, request_keyframe

    def open(self, track: Track, number: int, path: str, now: float) -> None:
        """Copy the track to egress: video from the next keyframe on, which is requested, audio at once."""
        self.close(track, number)
        track.taps[number] = Tap(number, path, self._taps.open(path))
        self.aim(track, now)

    def close(self, track: Track, number: int) -> None:
        """Stop copying the track."""
        tap = track.taps.pop(number, None)
        if tap is not None:
            _release(tap, track)
            self._taps.close(tap.path)

    def restart(self, track: Track, now: float) -> None:
        """Continue with the next keyframe after the track was enabled; stop after it was disabled."""
        for tap in track.taps.values():
            _release(tap, track)
        self.aim(track, now)

    def lost(self, track: Track, number: int, now: float) -> None:
        """Wait for a keyframe after records of a tap were dropped: only that repairs its video."""
        tap = track.taps.get(number)
        if tap is not None and tap.stream is not None:
            tap.stream.delivery.lost(tap, now)
            self._request_keyframe(tap.stream, now)

    def aim(self, track: Track, now: float) -> None:
        """Let taps wait for a keyframe of the best layer being sent, or of any layer while they have none."""
        if not track.taps:
            return
        best = track.choose(None, None, now)
        for tap in track.taps.values():
            for stream in track.streams.values():
                is_wanted = track.enabled and stream is not tap.stream and (tap.stream is None or stream is best)
                if is_wanted == stream.delivery.is_waiting(tap):
                    continue
                if is_wanted:
                    stream.delivery.wait(tap)
                    self._request_keyframe(stream, now)
                else:
                    stream.delivery.forget(tap)

    def begin(self, tap: Tap, stream: Stream, held: list[tuple[int, bytes]], now: float) -> None:
        """Copy `stream` from now on. `held` are cached packets, which keep their time of arrival."""
        if tap.stream is not None:
            tap.stream.delivery.forget(tap)
        tap.stream = stream
        now_ns = self._realtime_ns()
        for sequence, data in held:
            age_ns = round(stream.cache.age_s(sequence, now) * 1e9)
            tap.socket.write(tap.number, framing.RTP, now_ns - age_ns, data)
        self.aim(stream.track, now)

    def write(self, stream: Stream, kind: int, data: bytes) -> None:
        now_ns = self._realtime_ns()
        for tap in stream.track.taps.values():
            if tap.stream is stream:
                tap.socket.write(tap.number, kind, now_ns, data)


def _release(tap: Tap, track: Track) -> None:
    """The tap carries nothing and waits for nothing."""
    for stream in track.streams.values():
        stream.delivery.forget(tap)
    tap.stream = None
