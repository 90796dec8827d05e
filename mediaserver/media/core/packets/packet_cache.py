"""The last packets of one incoming stream, kept by sequence number to be sent again.

A packet is stored once: a second one with its number is refused, however it came (network or retransmission) and
however late. Slots rely on it: what they sent under a number never goes out again with other bytes.
"""

from mediaserver.media.core.packets.buffers import Readable

VIDEO_SLOTS = 512
AUDIO_SLOTS = 128


class PacketCache:
    """A ring of `slots` (a power of two) plaintext RTP packets; `max_age_s` bounds what `get` gives out.

    The ring is allocated once; packets are copied at their size, so a quiet stream takes little memory.
    """

    __slots__ = ("_mask", "_max_age_s", "_packets", "_sequences", "_times")

    def __init__(self, slots: int = VIDEO_SLOTS, max_age_s: float = 3.0) -> None:
        assert slots > 0 and slots & (slots - 1) == 0, "the ring's size is a power of two"
        self._mask = slots - 1
        self._max_age_s = max_age_s
        self._sequences = [-1] * slots
        self._times = [0.0] * slots
        self._packets = [b""] * slots

    def insert(self, sequence: int, packet: Readable, now: float) -> bool:
        """Keep a copy of `packet`. False: it is here already or older than the ring, so not worth forwarding."""
        index = sequence & self._mask
        held = self._sequences[index]
        if held == sequence:
            return False
        is_late = held >= 0 and (held - sequence) & 0xFFFF < 0x8000  # what is here came a ring's length later
        if is_late and now - self._times[index] <= self._max_age_s:
            return False
        self._sequences[index] = sequence
        self._times[index] = now
        self._packets[index] = bytes(packet)
        return True

    def get(self, sequence: int, now: float) -> bytes | None:
        """The packet with this number, None when it is gone, too old or never came."""
        index = sequence & self._mask
        if self._sequences[index] != sequence or now - self._times[index] > self._max_age_s:
            return None
        return self._packets[index]

    def age_s(self, sequence: int, now: float) -> float:
        """How long ago the packet with this number, which is here, came."""
        return now - self._times[sequence & self._mask]

    def clear(self) -> None:
        """Forget everything, as when the stream starts anew."""
        self._sequences[:] = [-1] * (self._mask + 1)
        self._packets[:] = [b""] * (self._mask + 1)
