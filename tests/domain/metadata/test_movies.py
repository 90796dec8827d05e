"""No sound or video tells where it was made; every packet is what and where it was."""

import os
import struct
from pathlib import Path
from typing import Any

import av
import pytest

from mediaserver.domain.uploads import metadata
from mediaserver.domain.uploads.metadata import Bytes, Damaged
from tests.domain.metadata import files
from tests.domain.metadata.movies import box, of_a_phone, packets, recorded, with_track

CONTAINERS: dict[str, dict[str, Any]] = {
    "mp4": {"container": "mp4", "video": "libx264", "audio": "aac"},
    "quicktime": {"container": "mov", "video": "libx264", "audio": "aac"},
    "fast start": {"container": "mp4", "video": "libx264", "movflags": "faststart"},
    "fragmented": {"container": "mp4", "video": "libx264", "movflags": "frag_keyframe+empty_moov"},
    "m4a": {"container": "ipod", "audio": "aac"},
    "webm": {"container": "webm", "video": "libvpx", "audio": "libopus"},
    "live webm": {"container": "webm", "video": "libvpx", "live": "1"},
    "mkv": {"container": "matroska", "video": "libx264", "audio": "aac"},
    "ogg": {"container": "ogg", "audio": "libopus"},
    "mp3": {"container": "mp3", "audio": "libmp3lame", "write_id3v1": "1"},
    "flac": {"container": "flac", "audio": "flac"},
    "wav": {"container": "wav", "audio": "pcm_s16le", "write_bext": "1"},
    "avi": {"container": "avi", "video": "mpeg4"},
}
GPS = b"GPS5" + files.WORDS.encode() * 3


def stripped(content: bytes) -> bytes:
    source = Bytes(content)
    return metadata.edited(source, metadata.removal(source))


def tags_of(path: Path) -> dict[str, str]:
    with av.open(str(path)) as opened:
        found = dict(opened.metadata)
        for stream in opened.streams:
            found |= stream.metadata
    return found


@pytest.fixture(scope="module", params=CONTAINERS)
def content(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return recorded(tmp_path_factory.mktemp("made") / "made", **CONTAINERS[request.param])


def test_no_tags_are_left_and_packets_are_the_same(content: bytes, tmp_path: Path) -> None:
    found = stripped(content)
    assert files.secrets_in(content)
    assert files.secrets_in(found) == []
    assert packets(tmp_path / "after", found) == packets(tmp_path / "before", content)
    about = {name.lower() for name in tags_of(tmp_path / "after")}
    assert about <= {
        "major_brand", "minor_version", "compatible_brands", "language", "handler_name", "vendor_id",
        "encoder", "duration",
    }  # fmt: skip


def test_a_second_time_nothing_is_left_to_do(content: bytes) -> None:
    assert metadata.removal(Bytes(stripped(content))) == []


def test_cut_off_files_lose_their_metadata_too(content: bytes) -> None:
    for length in range(20, len(content), max(1, len(content) // 15)):
        try:
            found = stripped(content[:length])
        except Damaged:
            continue
        assert files.secrets_in(found) == [], length


@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_places_of_phones_go_and_no_offset_changes(container: str, tmp_path: Path) -> None:
    plain = recorded(tmp_path / "made", container, "libx264", "aac")
    content = of_a_phone(plain)
    found = stripped(content)
    assert len(found) == len(content)
    assert files.secrets_in(found) == []
    assert b"ISO6709" not in found
    assert packets(tmp_path / "after", found) == packets(tmp_path / "before", plain)


@pytest.mark.parametrize("handler", [b"meta", b"camm", b"gpmd", b"priv"])
def test_tracks_of_places_go_with_their_samples(handler: bytes, tmp_path: Path) -> None:
    plain = recorded(tmp_path / "made", "mp4", "libx264")
    found = stripped(with_track(plain, handler, GPS))
    assert files.secrets_in(found) == []
    assert b"GPS5" not in found
    assert packets(tmp_path / "after", found) == packets(tmp_path / "before", plain)


@pytest.mark.parametrize(
    ("words", "goes"),
    [
        (b"\0\x1dF/2.8, GPS (2.295, 48.857, 15), D 3m", True),
        (b"\0\x20[latitude: 48.857] [longitude: 2.2]", True),
        (b"\0\x1aHOME(149.0251,-20.2532) 2017", True),
        (b"\0\x12Today we learn maths", False),
        (b"\0\x12The latter is a home", False),
    ],
)
@pytest.mark.parametrize("handler", [b"sbtl", b"text"])
def test_captions_stay_unless_they_tell_places(handler: bytes, words: bytes, goes: bool, tmp_path: Path) -> None:
    content = with_track(recorded(tmp_path / "made", "mp4", "libx264"), handler, words)
    assert (words not in stripped(content)) == goes


def test_a_fragmented_video_with_a_track_of_places_is_refused(tmp_path: Path) -> None:
    content = with_track(recorded(tmp_path / "made", "mp4", "libx264"), b"meta", GPS)
    with pytest.raises(Damaged, match="fragmented"):
        metadata.removal(Bytes(content + box(b"moof", box(b"mfhd", bytes(8)))))


def test_a_compressed_movie_header_is_refused() -> None:
    content = box(b"ftyp", b"qt  \0\0\0\0") + box(b"moov", box(b"cmov", b"x" * 100))
    with pytest.raises(Damaged, match="compressed"):
        metadata.removal(Bytes(content))


def test_times_and_names_of_handlers_go(tmp_path: Path) -> None:
    content = bytearray(recorded(tmp_path / "made", "mp4", "libx264"))
    at = content.index(b"mvhd") + 8
    content[at : at + 8] = struct.pack(">II", 0xE1234567, 0xE1234567)
    found = stripped(bytes(content))
    assert found[at : at + 8] == bytes(8)
    assert b"VideoHandler" in content
    assert b"VideoHandler" not in found


def test_places_in_a_raw_picture_of_canon_go() -> None:
    canon = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48") + box(b"CMT1", b"make") + box(b"CMT4", GPS)
    content = box(b"ftyp", b"crx \0\0\0\1") + box(b"moov", box(b"uuid", canon)) + box(b"mdat", b"pixels")
    found = stripped(content)
    assert files.secrets_in(found) == []
    assert b"CMT1" in found


def test_jpeg_xl_loses_exif_and_xmp() -> None:
    content = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ") + box(b"Exif", files.exif())
    content += box(b"xml ", files.XMP) + box(b"jxlc", b"\xff\x0apixels")
    found = stripped(content)
    assert files.secrets_in(found) == []
    assert found.endswith(box(b"jxlc", b"\xff\x0apixels"))


def test_covers_and_attachments_go(tmp_path: Path) -> None:
    cover = files.jpeg()
    id3 = b"APIC" + struct.pack(">I", len(cover) + 13)[:4] + b"\0\0" + b"\0image/jpeg\0\3\0" + cover
    size = bytes(len(id3) >> shift & 0x7F for shift in (21, 14, 7, 0))
    plain = stripped(recorded(tmp_path / "made", "mp3", audio="libmp3lame"))
    ape = b"APETAGEX" + struct.pack("<IIII", 2000, len(files.WORDS) + 32, 1, 0x80000000) + bytes(8)
    ape += (
        files.WORDS.encode()
        + b"APETAGEX"
        + struct.pack("<IIII", 2000, len(files.WORDS) + 32, 1, 1 << 31)
        + bytes(8)
    )
    assert stripped(b"ID3\3\0\0" + size + id3 + plain + ape + b"TAG" + files.WORDS.encode().ljust(125)) == plain


@pytest.mark.parametrize("head", [b"\0\0\0\x18ftypmp42", b"\x1aE\xdf\xa3", b"OggS", b"RIFF\x24\0\0\0WAVE"])
def test_nonsense_is_refused_or_left_alone(head: bytes) -> None:
    for _ in range(50):
        try:
            metadata.removal(Bytes(head + os.urandom(300)))
        except Damaged:
            continue
