"""What in a file tells where, when, with what and by whom it was made; and how to take it out.

Pictures, sound and videos keep every bit of what is seen and heard, their colours and how they are to be turned.
Each module knows one family of formats. Documents and archives (PDF, ZIP, Office) are not looked into.
"""

from collections.abc import Callable

from mediaserver.domain.uploads import media_types
from mediaserver.domain.uploads.metadata import gif, isobmff, jpeg, matroska, ogg, png, riff, tags, tiff
from mediaserver.domain.uploads.metadata.edits import Bytes, Damaged, Edit, Source, changes, edited, pieces

__all__ = ["Bytes", "Damaged", "Edit", "Source", "edited", "may_have_metadata", "pieces", "removal"]

HEAD_BYTES = 16
"""As much of a file's beginning as tells its format."""


def may_have_metadata(head: bytes) -> bool:
    """Whether `removal` understands a file that begins so."""
    return _parser(head) is not None


def removal(source: Source) -> list[Edit]:
    """The edits that take the metadata out of a file; none when there is none, or the format is not known.

    Raises `Damaged` for a file whose structure cannot be followed.
    """
    parser = _parser(source.read(0, HEAD_BYTES))
    return [edit for edit in parser(source) if changes(source, edit)] if parser else []


def _parser(head: bytes) -> Callable[[Source], list[Edit]] | None:
    if head.startswith(jpeg.MAGIC):
        return jpeg.edits
    if head.startswith(png.MAGIC):
        return png.edits
    if head.startswith(gif.MAGIC):
        return gif.edits
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] in (b"WEBP", b"WAVE", b"AVI "):
        return riff.edits
    if head[4:8] in isobmff.FIRST:
        return isobmff.edits
    if head.startswith(tiff.MAGIC):
        return tiff.edits
    if head.startswith(matroska.MAGIC):
        return matroska.edits
    if head.startswith(ogg.MAGIC):
        return ogg.edits
    if head.startswith((tags.ID3, tags.FLAC)) or media_types.is_mp3_frame(head):
        return tags.edits
    return None
