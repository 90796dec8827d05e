"""Assigns the incoming SSRCs of a transport to tracks, layers and retransmissions (RFC 8843 section 9.2).

SSRCs are known from the offer, from mid with rid or repaired-rid (RFC 8852), or from a payload type that only
one track uses. Their number is bounded, because each costs memory here and in libsrtp.
"""

from collections import Counter
from typing import Final

from mediaserver.base.errors import Invalid
from mediaserver.media.core.packets import rtp
from mediaserver.media.forwarding.streams import Stream, Track

MAX_STREAMS: Final = 512
"""SSRCs that a transport may use in its lifetime."""
MAX_UNKNOWN: Final = 64
"""SSRCs that belong to no track yet."""


class Reception:
    """The demultiplexer of one transport. `streams` is read for every packet."""

    def __init__(self, dropped: Counter[str]) -> None:
        self.streams: dict[int, Stream] = {}
        self.tracks: dict[str, Track] = {}
        """Tracks by mid."""
        self._dropped = dropped
        self._unknown: set[int] = set()
        self._retired: dict[int, str] = {}
        """SSRCs of closed tracks, with their mid. Senders may continue for a while: without the mid extension,
        their packets could be attributed to another track."""
        self._seen = 0

    def may_learn(self, ssrc: int) -> bool:
        """Return whether a packet with this unknown SSRC is worth decrypting."""
        if ssrc in self._retired:
            return False
        return ssrc in self._unknown or (len(self._unknown) < MAX_UNKNOWN and self._seen < MAX_STREAMS)

    def add_track(self, track: Track, ssrcs: list[int], rtx_ssrcs: dict[int, int]) -> None:
        """Register a track and the SSRCs in its offer; called again when a later offer names more."""
        if len(self.streams) + len(ssrcs) + len(rtx_ssrcs) > MAX_STREAMS:
            raise Invalid("too_many_ssrcs", "The offer names too many SSRCs.")
        self.tracks[track.mid] = track
        self._retired = {ssrc: mid for ssrc, mid in self._retired.items() if mid != track.mid}
        primary = [ssrc for ssrc in ssrcs if ssrc not in rtx_ssrcs]
        for layer, ssrc in enumerate(primary[: max(1, len(track.rids))]):
            if ssrc not in self.streams:
                self._add(Stream(ssrc, track, layer))
        for rtx_ssrc, ssrc in rtx_ssrcs.items():
            stream = self.streams.get(ssrc)
            if stream is not None and rtx_ssrc not in self.streams:
                self._add(Stream(rtx_ssrc, track, stream.layer, primary=stream))

    def remove_track(self, track: Track) -> None:
        """Forget a closed track and its streams."""
        self.tracks.pop(track.mid, None)
        for ssrc in [ssrc for ssrc, stream in self.streams.items() if stream.track is track]:
            del self.streams[ssrc]
            self._retired[ssrc] = track.mid

    def learn(self, data: bytes, header: rtp.RtpHeader) -> Stream | None:
        """Return the stream of an authenticated packet with a new SSRC; None when it belongs to no track."""
        stream = self._identify(data, header)
        if stream is None:
            self._unknown.add(header.ssrc)
            self._dropped["unknown_ssrc"] += 1
            return None
        self._unknown.discard(header.ssrc)
        self._add(stream)
        return stream

    def _add(self, stream: Stream) -> None:
        self._seen += 1
        self.streams[stream.ssrc] = stream
        if stream.primary is not None:
            return
        former = stream.track.streams.get(stream.layer)
        stream.track.streams[stream.layer] = stream
        if former is not None:  # the sender changed its SSRC; slots follow with the next keyframe
            for ssrc in [ssrc for ssrc, one in self.streams.items() if former in (one, one.primary)]:
                del self.streams[ssrc]

    def _identify(self, data: bytes, header: rtp.RtpHeader) -> Stream | None:
        names = self._extensions(data, header)
        mid = names.get(rtp.MID)
        track = self.tracks.get(mid) if mid is not None else self._by_payload_type(header.payload_type)
        if track is None:
            return None
        if header.payload_type in track.by_payload_type:
            layer = self._layer(track, names.get(rtp.RID))
            return None if layer is None else Stream(header.ssrc, track, layer)
        if header.payload_type in track.by_rtx_payload_type:
            layer = self._layer(track, names.get(rtp.REPAIRED_RID) or names.get(rtp.RID))
            primary = None if layer is None else track.streams.get(layer)
            return None if primary is None else Stream(header.ssrc, track, primary.layer, primary)
        return None

    def _extensions(self, data: bytes, header: rtp.RtpHeader) -> dict[str, str]:
        """Return mid, rid and repaired-rid from the packet's header extensions."""
        if not header.ext_start:
            return {}
        names: dict[int, str] = {}
        for track in self.tracks.values():
            names.update((number, uri) for uri, number in track.extensions.items() if uri in rtp.IDENTIFYING)
        found = {}
        for number, _, offset, length in rtp.elements(data, header):
            if number in names:
                found[names[number]] = data[offset : offset + length].decode("ascii", "replace").rstrip("\0")
        return found

    def _by_payload_type(self, payload_type: int) -> Track | None:
        users = [
            track
            for track in self.tracks.values()
            if payload_type in track.by_payload_type or payload_type in track.by_rtx_payload_type
        ]
        return users[0] if len(users) == 1 else None

    @staticmethod
    def _layer(track: Track, rid: str | None) -> int | None:
        if not track.rids:
            return 0
        return track.rids.index(rid) if rid in track.rids else None
