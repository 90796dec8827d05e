"""A film of two hours that is made in a moment: few pictures of noise, each a keyframe, shown over and over."""

import io
from fractions import Fraction

import av
import numpy as np

DURATION_S = 7200
PICTURE_S = 2


def long_film(width: int = 160, height: int = 90) -> bytes:
    """WebM with VP8: too large for a player to read it all at once."""
    made = io.BytesIO()
    with av.open(made, "w", format="webm") as out:
        stream = out.add_stream(
            "libvpx", rate=Fraction(1, PICTURE_S), options={"crf": "4", "b:v": "8M", "deadline": "realtime"}
        )
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = width, height, "yuv420p", 1
        noise, packets = np.random.default_rng(1), []
        for n in range(8):
            picture = av.VideoFrame.from_ndarray(
                noise.integers(0, 255, (height, width, 3), np.uint8), format="rgb24"
            )
            picture.pts = n
            packets += stream.encode(picture)
        packets += stream.encode()
        contents = [bytes(packet) for packet in packets]
        for n in range(DURATION_S // PICTURE_S):
            packet = av.Packet(contents[n % len(contents)])
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = n * PICTURE_S * 1000
            packet.is_keyframe = True
            out.mux(packet)
    return made.getvalue()
