"""Reads offers without holding up the event loop: small ones at once, larger ones in a thread, one at a time."""

import asyncio
from dataclasses import dataclass
from typing import Final

from mediaserver.rooms.negotiation.sdp import Section, read_offer
from mediaserver.rooms.negotiation.sdp_answer import Accepted, VideoCodec, accept, transport_section

INLINE_CHARACTERS: Final = 16 * 1024
"""Reading this many takes less than 5 ms whatever they are; a browser's first offer has 4,000 to 6,000."""


@dataclass(frozen=True, slots=True)
class ReadOffer:
    """What each section of an offer becomes, and the section with the transport's parameters."""

    accepted: list[Accepted]
    transport: Section


def read_whole_offer(sdp: str, video_codec: VideoCodec) -> ReadOffer:
    """Parse an offer and decide about its sections. Raises `bad_sdp` and `codec_unsupported`."""
    offer = read_offer(sdp)
    return ReadOffer(accept(offer, video_codec), transport_section(offer))


class OfferReader:
    """Shared by all rooms. Several threads at once would take turns with the event loop for the interpreter, so
    that it had only a fraction of the time; with one it has at least half."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def read(self, sdp: str, video_codec: VideoCodec) -> ReadOffer:
        """Like `read_whole_offer`."""
        if len(sdp) <= INLINE_CHARACTERS:
            return read_whole_offer(sdp, video_codec)
        async with self._turn:
            return await asyncio.to_thread(read_whole_offer, sdp, video_codec)
