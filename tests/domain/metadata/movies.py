"""Sound and video as phones and cameras write them: real streams, and a place in all parts that can hold one."""

import struct
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from tests.domain.metadata.files import WORDS, box, exif

PLACE = "+48.8577+002.295+035.0/"
META = {"location": PLACE, "comment": WORDS, "title": WORDS, "artist": "Jane Roe", "make": "CamMaker"}


def recorded(path: Path, container: str, video: str = "", audio: str = "", **options: str) -> bytes:
    """Half a second of moving stripes and of silence, with tags."""
    with av.open(str(path), "w", format=container, options=options) as out:
        out.metadata.update(META)
        # All streams come first: the header is written with the first packet.
        pictures = out.add_stream(video, rate=10) if video else None
        sound = out.add_stream(audio, rate=48_000, layout="mono") if audio else None
        if pictures:
            pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
            stripes = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
            for number in range(5):
                shown = np.dstack([np.roll(stripes, number * 8, axis=1)] * 3)
                picture = av.VideoFrame.from_ndarray(shown, format="rgb24")
                picture.pts = number
                out.mux(pictures.encode(picture))
            out.mux(pictures.encode())
        if sound:
            sound.metadata["title"] = WORDS
            for number in range(25):
                silence = av.AudioFrame(format=sound.format.name, layout="mono", samples=960)
                silence.planes[0].update(bytes(silence.planes[0].buffer_size))
                silence.rate, silence.pts = 48_000, number * 960
                out.mux(sound.encode(silence))
            out.mux(sound.encode())
    return path.read_bytes()


def of_a_phone(movie: bytes) -> bytes:
    """What phones add to an MP4 or QuickTime file: places in `moov`, and boxes behind everything."""
    apple = _keys(("com.apple.quicktime.location.ISO6709", PLACE), ("com.apple.quicktime.make", "CamMaker"))
    mine = box(b"\xa9xyz", struct.pack(">HH", len(PLACE), 0x15C7) + PLACE.encode())
    theirs = box(b"loci", bytes(6) + WORDS.encode() + bytes(20)) + box(b"smta", WORDS.encode()) + bytes(4)
    own = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
    inside = box(b"udta", mine + theirs) + apple + box(b"uuid", own + WORDS.encode())
    behind = box(b"uuid", own + WORDS.encode()) + apple + box(b"sefd", exif()) + box(b"free", WORDS.encode())
    return inserted(movie, b"moov", inside) + behind + b"\0\0\0\3" + WORDS.encode()


def _keys(*pairs: tuple[str, str]) -> bytes:
    """Apple's `meta`: a list of keys and one of values."""
    names = b"".join(box(b"mdta", name.encode()) for name, _ in pairs)
    values = b"".join(
        box(struct.pack(">I", number), box(b"data", struct.pack(">II", 1, 0) + value.encode()))
        for number, (_, value) in enumerate(pairs, start=1)
    )
    handler = box(b"hdlr", bytes(8) + b"mdta" + bytes(14))
    return box(b"meta", handler + box(b"keys", struct.pack(">II", 0, len(pairs)) + names) + box(b"ilst", values))


def inserted(movie: bytes, kind: bytes, content: bytes) -> bytes:
    """Append to the body of the last box of that kind, which must be the last of the file (no offset moves)."""
    at = dict(outer(movie))[kind]
    size = int.from_bytes(movie[at : at + 4], "big")
    assert at + size == len(movie), "it is not at the end"
    return movie[:at] + struct.pack(">I", size + len(content)) + movie[at + 4 :] + content


def outer(movie: bytes) -> Iterator[tuple[bytes, int]]:
    at = 0
    while at + 8 <= len(movie):
        yield movie[at + 4 : at + 8], at
        at += int.from_bytes(movie[at : at + 4], "big")


def with_track(movie: bytes, handler: bytes, samples: bytes) -> bytes:
    """One more track, such as drones and action cameras write, with its samples in an `mdat` of its own."""
    at = dict(outer(movie))[b"moov"]
    movie = movie[:at] + box(b"mdat", samples) + movie[at:]
    tables = box(b"stsd", struct.pack(">II", 0, 1) + box(b"gpmd", bytes(6) + b"\0\1"))
    tables += box(b"stts", struct.pack(">IIII", 0, 1, 1, 1000)) + box(
        b"stsc", struct.pack(">IIIII", 0, 1, 1, 1, 1)
    )
    tables += box(b"stsz", struct.pack(">IIII", 0, 0, 1, len(samples)))
    tables += box(b"stco", struct.pack(">III", 0, 1, at + 8))
    media = box(b"mdhd", struct.pack(">IIIIIHH", 0, 5, 5, 1000, 1000, 0, 0))
    media += box(b"hdlr", bytes(8) + handler + bytes(12) + WORDS.encode() + b"\0")
    media += box(b"minf", box(b"nmhd", bytes(4)) + box(b"dinf", b"") + box(b"stbl", tables))
    track = box(b"tkhd", bytes(3) + b"\1" + struct.pack(">IIII", 5, 5, 99, 0) + bytes(68))
    return inserted(movie, b"moov", box(b"trak", track + box(b"mdia", media)))


def packets(path: Path, content: bytes) -> list[tuple[int, int | None, bytes]]:
    """What is played: stream, time and bytes of every packet of sound and pictures."""
    path.write_bytes(content)
    with av.open(str(path)) as opened:
        played = [stream.index for stream in opened.streams if stream.type in ("video", "audio")]
        return [(p.stream_index, p.pts, bytes(p)) for p in opened.demux() if p.size and p.stream_index in played]
