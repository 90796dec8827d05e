"""Metadata of pictures, sound and video: what is left has the same structure, and nothing is left to take out."""

from mediaserver.domain.uploads import metadata
from mediaserver.domain.uploads.metadata import Bytes, Damaged
from tests.fuzz.target import Target


def run(data: bytes) -> None:
    source = Bytes(data)
    edits = metadata.removal(source)
    end = 0
    for edit in edits:
        assert end <= edit.start <= edit.end <= len(data)
        end = edit.end
    once = metadata.edited(source, edits)
    assert len(once) == len(data) + sum(edit.growth for edit in edits)
    metadata.removal(Bytes(once))


TARGET = Target(
    "metadata",
    run,
    (Damaged,),
    ("mediaserver.domain.uploads.metadata",),
    max_length=4096,
    cpu_s=0.2,
    words=(
        b"\xff\xd8\xff", b"\xff\xe1", b"Exif\0\0", b"II*\0", b"MM\0*", b"eXIf", b"IEND", b"RIFF", b"WEBP",
        b"VP8X", b"moov", b"trak", b"meta", b"iloc", b"iinf", b"uuid", b"stco", b"\x1aE\xdf\xa3", b"OggS",
        b"OpusTags", b"ID3", b"fLaC", b"\x21\xff\x0bNETSCAPE2.0",
    ),
)  # fmt: skip
