"""Files as cameras and phones write them, with a place, a camera and a name in every part that can hold one.

`SECRETS` are the words that must not be left, wherever they stood.
"""

import base64
import contextlib
import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms, PngImagePlugin

SECRETS = (b"Ruritania", b"CamMaker", b"Serial77", b"Jane Roe", b"+48.8577+002.295")
WORDS = " ".join(word.decode() for word in SECRETS)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><exif:GPSLatitude>{WORDS}</exif:GPSLatitude></x:xmpmeta>".encode()
LATITUDE = (48.0, 51.0, 27.5)


def picture(mode: str = "RGB") -> Image.Image:
    image = Image.radial_gradient("L").resize((96, 64)).convert("RGB")
    image.paste((250, 30, 30), (0, 0, 30, 20))
    return image.convert(mode)


def exif(orientation: int = 6, thumbnail: bool = True) -> bytes:
    """Exif with place, camera, maker notes and (in IFD1) a preview that has Exif of its own; with `Exif\0\0`."""
    made = Image.Exif()
    made[0x0112], made[0x010F], made[0x0110] = orientation, "CamMaker", "CamMaker Serial77"
    made[0x013B], made[0x010E], made[0x0132] = "Jane Roe", "Ruritania", "2024:01:02 03:04:05"
    made.get_ifd(0x8769).update(
        {
            0x927C: WORDS.encode() * 20,
            0xA431: "Serial77",
            0x9286: b"ASCII\0\0\0Ruritania",
            0x9003: "2024:01:02 03:04:05",
        }
    )
    made.get_ifd(0x8825).update({1: "N", 2: LATITUDE, 3: "E", 4: (2.0, 17.0, 42.0), 27: b"Ruritania"})
    if thumbnail:
        made.get_ifd(1).update({0x0201: 0, 0x0202: 0, 0x010F: "CamMaker"})
    return made.tobytes()


def jpeg(orientation: int = 6, **options: Any) -> bytes:
    """Every kind of segment that tells something, and a second picture and a trailer behind the end."""
    options = {
        "quality": 90,
        "icc_profile": PROFILE,
        "exif": exif(orientation),
        "xmp": XMP,
        "comment": WORDS,
    } | options
    clean = encoded(picture(options.pop("mode", "RGB")), "JPEG", **options)
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(WORDS)) + WORDS.encode()
    extended = b"http://ns.adobe.com/xmp/extension/\0" + WORDS.encode()
    more = [
        (0xE0, b"JFXX\0\x10" + WORDS.encode()),
        (0xE2, b"MPF\0" + WORDS.encode()),
        (0xED, iptc),
        (0xE1, extended),
    ]
    more += [(0xEB, b"JP" + WORDS.encode()), (0xE4, WORDS.encode()), (0xFE, WORDS.encode())]
    segments = b"".join(segment(marker, body) for marker, body in more)
    return clean[:2] + segments + clean[2:] + encoded(picture(), "JPEG", exif=exif()) + WORDS.encode()


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def png(orientation: int = 6, mode: str = "RGB", **options: Any) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", WORDS)
    info.add_text("Raw profile type exif", WORDS, zip=True)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    info.add(b"tIME", b"\x07\xe8\1\2\3\4\5")
    info.add(b"caBX", WORDS.encode())
    info.add(b"cICP", b"\x01\x0d\0\1")
    made = encoded(picture(mode), "PNG", pnginfo=info, exif=exif(orientation), icc_profile=PROFILE, **options)
    return made + WORDS.encode()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def webp(orientation: int = 6, frames: int = 1, **options: Any) -> bytes:
    more = [picture().rotate(90 * n) for n in range(1, frames)]
    options = {"exif": exif(orientation), "xmp": XMP, "icc_profile": PROFILE, "lossless": True} | options
    if frames > 1:
        options |= {"save_all": True, "append_images": more}
    made = encoded(picture(), "WEBP", **options)
    body = made[12:] + b"ABCD" + struct.pack("<I", len(WORDS)) + WORDS.encode() + b"\0" * (len(WORDS) % 2)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body + WORDS.encode()


def gif(frames: int = 3) -> bytes:
    more = [picture().rotate(90 * n) for n in range(1, frames)]
    made = encoded(
        picture(), "GIF", save_all=True, append_images=more, loop=3, duration=70, comment=WORDS.encode()
    )
    xmp = b"!\xff\x0bXMP DataXMP" + b"".join(
        bytes([len(XMP[at : at + 200])]) + XMP[at : at + 200] for at in range(0, len(XMP), 200)
    )
    return made[:-1] + xmp + b"\0" + made[-1:] + WORDS.encode()


def tiff(orientation: int = 6, **options: Any) -> bytes:
    made = Image.Exif()
    made.load(exif(orientation, thumbnail=False))
    for tag in (0x02BC, 0x83BB, 0x8649):
        made[tag] = WORDS.encode()
    return encoded(picture(), "TIFF", exif=made, icc_profile=PROFILE, **options)


def avif(orientation: int = 6) -> bytes:
    """Its turn is a property (`irot`); the trailer is what some phones append."""
    made = encoded(picture(), "AVIF", exif=exif(orientation), xmp=XMP, icc_profile=PROFILE)
    return made + box(b"sefd", WORDS.encode()) + box(b"mpvd", WORDS.encode())


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def shown(content: bytes) -> list[tuple[str, tuple[int, int], bytes]]:
    """Mode, size and pixels of every frame, before they are turned."""
    found = []
    with Image.open(BytesIO(content)) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            found.append((image.mode, image.size, image.tobytes()))
    return found


def told(content: bytes) -> tuple[int, bytes | None]:
    """Orientation and colour profile, as Pillow reads them."""
    with Image.open(BytesIO(content)) as image:
        return image.getexif().get(0x0112, 1), image.info.get("icc_profile")


def secrets_in(content: bytes) -> list[bytes]:
    """Also as UTF-16 and Base64, and what is deflated."""
    forms = {word: (word, word.decode().encode("utf-16-le"), base64.b64encode(word)[:-4]) for word in SECRETS}
    texts = [content, *_inflated(content)]
    return [word for word, ways in forms.items() if any(way in text for way in ways for text in texts)]


def _inflated(content: bytes) -> list[bytes]:
    found, at = [], content.find(b"\x78")
    while at >= 0 and len(found) < 100:
        with contextlib.suppress(zlib.error):
            found.append(zlib.decompressobj().decompress(content[at:], 1 << 20))
        at = content.find(b"\x78", at + 1)
    return found
