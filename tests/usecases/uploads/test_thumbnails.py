"""Real pictures and videos are uploaded; what is stored beside them is decoded and looked at."""

import struct
import zlib
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from mediaserver.base.errors import Invalid, NotFound
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.uploads.uploads import Upload
from mediaserver.usecases.context import Context
from mediaserver.usecases.uploads import uploads
from tests.store.conftest import engine, shared_server, uri
from tests.usecases.pictures import corners, decoded, encoded, held, quarters, video
from tests.usecases.stored_context import add_person, make_media, stored_context, upload

pytestmark = pytest.mark.slow

__all__ = ["engine", "shared_server", "uri"]

KEY_FRAME = b"\x9d\x01\x2a"  # before its size; RFC 6386 section 9.1
CODECS = [("mp4", "libx264"), ("webm", "libvpx"), ("webm", "libvpx-vp9")]


@pytest.fixture
async def ctx(uri: str, tmp_path: Path) -> AsyncIterator[Context]:
    async with stored_context(uri, tmp_path / "data") as made:
        yield made


@pytest.fixture
async def ada(ctx: Context) -> Actor:
    return await add_person(ctx, "ada")


async def thumbnail(ctx: Context, made: Upload) -> Image.Image:
    """As it is stored."""
    assert made.thumbnail is not None
    assert (await ctx.objects.stat(made.thumbnail_key)).content_type == "image/webp"
    image = decoded(b"".join([chunk async for chunk in ctx.objects.read(made.thumbnail_key)]))
    assert (image.format, image.size) == ("WEBP", (made.thumbnail.width, made.thumbnail.height))
    return image


def described(made: Upload) -> tuple[str, int | None, int | None]:
    return made.content_type, made.width, made.height


# ------------------------------------------------------------------------------------------ pictures


async def test_a_large_picture_has_a_small_one_beside_it(ctx: Context, ada: Actor) -> None:
    made = await upload(ctx, ada, encoded(quarters(2000, 1000), "PNG"))
    assert described(made) == ("image/png", 2000, 1000)
    small = await thumbnail(ctx, made)
    assert (small.size, small.mode, corners(small)) == ((640, 320), "RGB", "rgbw")


@pytest.mark.parametrize("size", [(1, 1), (40, 30), (640, 8), (3, 640), (5000, 2), (641, 641)])
async def test_no_picture_grows_or_loses_a_side(ctx: Context, ada: Actor, size: tuple[int, int]) -> None:
    made = await upload(ctx, ada, encoded(quarters(*size, "rrrr"), "PNG"))
    assert described(made) == ("image/png", *size)
    small = await thumbnail(ctx, made)
    assert max(small.size) == min(640, max(size))
    assert min(small.size) >= 1


@pytest.mark.parametrize(
    ("orientation", "shown"),
    [
        (1, "rgbw"),
        (2, "grwb"),
        (3, "wbgr"),
        (4, "bwrg"),
        (5, "rbgw"),
        (6, "brwg"),
        (7, "wgbr"),
        (8, "gwrb"),
        (9, "rgbw"),
    ],
)
async def test_a_photograph_stands_as_the_camera_was_held(
    ctx: Context, ada: Actor, orientation: int, shown: str
) -> None:
    made = await upload(ctx, ada, encoded(quarters(1600, 900), "JPEG", exif=held(orientation)))
    upright = orientation not in (5, 6, 7, 8)
    assert described(made) == ("image/jpeg", *((1600, 900) if upright else (900, 1600)))
    small = await thumbnail(ctx, made)
    assert (small.size, corners(small)) == ((640, 360) if upright else (360, 640), shown)


@pytest.mark.parametrize(("form", "shown"), [("PNG", "brwg"), ("WEBP", "rgbw")])
async def test_other_formats_are_turned_where_browsers_do(
    ctx: Context, ada: Actor, form: str, shown: str
) -> None:
    made = await upload(ctx, ada, encoded(quarters(320, 180), form, exif=held(6)))
    assert described(made) == (f"image/{form.lower()}", *((180, 320) if shown == "brwg" else (320, 180)))
    assert corners(await thumbnail(ctx, made)) == shown


async def test_it_tells_nothing_of_the_camera_and_the_place(ctx: Context, ada: Actor) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">a place</x:xmpmeta>'
    made = await upload(ctx, ada, encoded(quarters(900, 900), "JPEG", exif=held(6), xmp=xmp, comment=b"a secret"))
    small = await thumbnail(ctx, made)
    assert (dict(small.getexif()), set(small.info) & {"exif", "xmp", "comment"}) == ({}, set())


async def test_broken_exif_makes_no_broken_picture(ctx: Context, ada: Actor) -> None:
    made = await upload(ctx, ada, encoded(quarters(900, 900), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    assert described(made) == ("image/jpeg", 900, 900)
    assert corners(await thumbnail(ctx, made)) == "rgbw"


async def test_its_colours_are_the_pictures(ctx: Context, ada: Actor) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    made = await upload(ctx, ada, encoded(quarters(900, 900), "JPEG", icc_profile=profile))
    assert (await thumbnail(ctx, made)).info["icc_profile"] == profile


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
async def test_of_a_moving_picture_it_shows_the_first(ctx: Context, ada: Actor, form: str) -> None:
    others = [quarters(900, 600, "wwkk"), quarters(900, 600, "kkww")]
    made = await upload(
        ctx, ada, encoded(quarters(900, 600), form, save_all=True, append_images=others, duration=100)
    )
    assert described(made) == (f"image/{form.lower()}", 900, 600)
    assert corners(await thumbnail(ctx, made)) == "rgbw"


@pytest.mark.parametrize(
    "content",
    [
        encoded(quarters(900, 600, "r.b."), "WEBP", lossless=True),
        encoded(quarters(900, 600, "r.b."), "PNG"),
        encoded(quarters(900, 600, "r.b.").quantize(4), "PNG"),
        encoded(quarters(900, 600, "r.b."), "GIF"),
    ],
    ids=["webp", "png", "palette", "gif"],
)
async def test_what_is_clear_stays_clear(ctx: Context, ada: Actor, content: bytes) -> None:
    small = await thumbnail(ctx, await upload(ctx, ada, content))
    assert (small.mode, corners(small)) == ("RGBA", "r.b.")


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (encoded(quarters(900, 600, "kwkw").convert("1"), "PNG"), "kwkw"),
        (encoded(quarters(900, 600, "kwkw").convert("LA"), "PNG"), "kwkw"),
        (
            encoded(quarters(900, 600, "kwkw").convert("L").convert("I;16").point(lambda v: v * 257), "PNG"),
            "kwkw",
        ),
        (encoded(quarters(900, 600, "rrww").convert("CMYK"), "JPEG"), "rrww"),
        (encoded(quarters(900, 600), "JPEG", progressive=True), "rgbw"),
        (encoded(quarters(900, 600).quantize(4), "PNG"), "rgbw"),
    ],
    ids=["two colours", "grey with alpha", "16 bits", "cmyk", "progressive", "palette"],
)
async def test_every_kind_of_pixels_is_understood(ctx: Context, ada: Actor, content: bytes, shown: str) -> None:
    assert corners(await thumbnail(ctx, await upload(ctx, ada, content))) == shown


async def test_sixteen_bits_of_grey_are_not_clipped(ctx: Context, ada: Actor) -> None:
    middle = Image.new("I;16", (90, 60), 30_000)
    small = await thumbnail(ctx, await upload(ctx, ada, encoded(middle, "PNG")))
    red, _, _ = small.getpixel((45, 30))  # type: ignore[misc]
    assert red == pytest.approx(30_000 / 256, abs=6)


# ------------------------------------------------------------------------------------------ the hostile


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
async def test_a_picture_that_was_cut_off_is_a_plain_file(ctx: Context, ada: Actor, form: str) -> None:
    whole = encoded(quarters(900, 600), form)
    for damaged in (whole[: len(whole) // 2], whole[:30]):
        made = await upload(ctx, ada, damaged)
        assert (*described(made), made.thumbnail) == ("application/octet-stream", None, None, None)


async def test_a_picture_that_cannot_be_followed_is_refused(ctx: Context, ada: Actor) -> None:
    """Nobody knows what it tells of its place."""
    whole = encoded(quarters(900, 600), "PNG")
    with pytest.raises(Invalid) as refused:
        await upload(ctx, ada, whole[:60] + bytes(len(whole) - 60))
    assert refused.value.code == "metadata_not_removable"
    assert "damaged (a PNG picture has no valid chunk at byte" in refused.value.detail


def png_claiming(width: int, height: int) -> bytes:
    """A whole PNG of black and white whose pixels deflate to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    data = zlib.compress(bytes(1 << 20), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def gif_claiming(screen: tuple[int, int], picture: tuple[int, int]) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + bytes(6)
    return head + b"," + struct.pack("<HHHHB", 0, 0, *picture, 0) + b"\x02\x02L\x01\x00;"


WEBP_CLAIMING = b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8X" + struct.pack("<II", 10, 0) + b"\xff\x3f\0" * 2


@pytest.mark.parametrize(
    ("bomb", "size"),
    [
        (png_claiming(50_000, 50_000), "50000 × 50000"),
        (png_claiming(2_000_000_000, 1), "2000000000 × 1"),
        (gif_claiming((65_535, 65_535), (1, 1)), "65535 × 65535"),
        (gif_claiming((10, 10), (20_000, 20_000)), "20000 × 20000"),
    ],
)
async def test_a_bomb_is_refused_and_the_limit_named(ctx: Context, ada: Actor, bomb: bytes, size: str) -> None:
    assert len(bomb) < 5000
    with pytest.raises(Invalid, match=f"{size} pixels; at most 100,000,000 are allowed") as caught:
        await upload(ctx, ada, bomb)
    assert caught.value.code == "image_too_large"
    assert await ctx.uploads.count({}) == 0


async def test_a_picture_that_is_only_claims_is_a_plain_file(ctx: Context, ada: Actor) -> None:
    """Within the limit, but nothing behind it."""
    for claims in (png_claiming(9_000, 9_000), gif_claiming((9_000, 9_000), (9_000, 9_000)), WEBP_CLAIMING):
        assert (await upload(ctx, ada, claims)).content_type == "application/octet-stream"


@pytest.mark.slow
async def test_a_picture_too_heavy_to_decode_stays_a_picture(ctx: Context, ada: Actor) -> None:
    """WebP of this size takes more memory than the process has."""
    made = await upload(
        ctx, ada, encoded(quarters(9_900, 10_000, "rrrr"), "WEBP", lossless=True, method=0, quality=0)
    )
    assert (*described(made), made.thumbnail) == ("image/webp", 9_900, 10_000, None)


def webm_claiming(content: bytes, width: int, height: int) -> bytes:
    """`content`, of 640 × 360, with another size in its track header (RFC 9559 section 5.1.4.1.28)."""
    before = b"\xb0\x82" + struct.pack(">H", 640) + b"\xba\x82" + struct.pack(">H", 360)
    after = b"\xb0\x82" + struct.pack(">H", width) + b"\xba\x82" + struct.pack(">H", height)
    assert content.count(before) == 1
    return content.replace(before, after)


async def test_a_video_that_claims_a_huge_frame_is_refused(ctx: Context, ada: Actor, tmp_path: Path) -> None:
    small = video(tmp_path / "v", "webm", "libvpx", quarters(640, 360)).replace(KEY_FRAME, b"\0\0\0")
    with pytest.raises(Invalid, match="16000 × 16000 pixels") as caught:
        await upload(ctx, ada, webm_claiming(small, 16_000, 16_000))
    assert caught.value.code == "video_too_large"


async def test_where_the_claim_is_absurd_the_frames_tell(ctx: Context, ada: Actor, tmp_path: Path) -> None:
    small = video(tmp_path / "v", "webm", "libvpx", quarters(640, 360))
    made = await upload(ctx, ada, webm_claiming(small, 65_535, 65_535))
    assert described(made) == ("video/webm", 640, 360)


async def test_a_huge_frame_inside_a_small_video_is_not_decoded(ctx: Context, ada: Actor, tmp_path: Path) -> None:
    small = video(tmp_path / "v", "webm", "libvpx", quarters(640, 360))
    size = small.index(KEY_FRAME) + len(KEY_FRAME)
    made = await upload(ctx, ada, small[:size] + struct.pack("<HH", 16_383, 16_383) + small[size + 4 :])
    assert (*described(made), made.thumbnail) == ("video/webm", 640, 360, None)
    assert made.duration_s == pytest.approx(1.0, abs=0.1)


# ------------------------------------------------------------------------------------------ video


@pytest.mark.parametrize(("container", "codec"), CODECS)
async def test_a_poster_is_the_first_picture_that_is_not_black(
    ctx: Context, ada: Actor, tmp_path: Path, container: str, codec: str
) -> None:
    made = await upload(ctx, ada, video(tmp_path / "v", container, codec, quarters(1280, 720), black=20))
    assert described(made) == (f"video/{container}", 1280, 720)
    poster = await thumbnail(ctx, made)
    assert (poster.size, corners(poster)) == ((640, 360), "rgbw")


async def test_a_black_video_has_a_black_poster(ctx: Context, ada: Actor, tmp_path: Path) -> None:
    made = await upload(ctx, ada, video(tmp_path / "v", "mp4", "libx264", quarters(320, 180, "kkkk")))
    assert corners(await thumbnail(ctx, made)) == "kkkk"


@pytest.mark.parametrize(
    ("rotation", "size", "shown"),
    [(90, (180, 320), "gwrb"), (180, (320, 180), "wbgr"), (-90, (180, 320), "brwg")],
)
async def test_a_video_stands_as_the_phone_was_held(
    ctx: Context, ada: Actor, tmp_path: Path, rotation: int, size: tuple[int, int], shown: str
) -> None:
    made = await upload(ctx, ada, video(tmp_path / "v", "mp4", "libx264", quarters(320, 180), rotation=rotation))
    assert described(made) == ("video/mp4", *size)
    poster = await thumbnail(ctx, made)
    assert (poster.size, corners(poster)) == (size, shown)


async def test_a_video_is_as_wide_as_players_show_it(ctx: Context, ada: Actor, tmp_path: Path) -> None:
    made = await upload(
        ctx, ada, video(tmp_path / "v", "mp4", "libx264", quarters(320, 180), pixel_aspect=Fraction(2, 1))
    )
    assert described(made) == ("video/mp4", 640, 180)
    assert (await thumbnail(ctx, made)).size == (640, 180)


async def test_a_video_damaged_in_places_still_has_a_poster(ctx: Context, ada: Actor, tmp_path: Path) -> None:
    whole = video(tmp_path / "v", "webm", "libvpx", quarters(640, 360), black=5)
    middle = whole.index(KEY_FRAME) + 2000
    made = await upload(ctx, ada, whole[:middle] + bytes(200) + whole[middle + 200 :])
    assert described(made) == ("video/webm", 640, 360)
    assert made.thumbnail is not None


@pytest.mark.parametrize(("container", "audio"), [("mp3", "libmp3lame"), ("ogg", "libopus"), ("webm", "libopus")])
async def test_sound_has_no_thumbnail(
    ctx: Context, ada: Actor, tmp_path: Path, container: str, audio: str
) -> None:
    made = await upload(ctx, ada, make_media(tmp_path / "s", container, None, audio))
    assert (made.width, made.height, made.thumbnail) == (None, None, None)
    assert made.duration_s == pytest.approx(2.0, abs=0.1)


# ------------------------------------------------------------------------------------------ its life


async def test_it_goes_with_its_upload(ctx: Context, ada: Actor) -> None:
    made = await upload(ctx, ada)
    await thumbnail(ctx, made)
    await uploads.delete(ctx, ada, made.id)
    for key in (made.object_key, made.thumbnail_key):
        with pytest.raises(NotFound):
            await ctx.objects.stat(key)


async def test_a_file_of_the_same_name_is_another_object(ctx: Context, ada: Actor) -> None:
    large = encoded(quarters(900, 600), "WEBP")
    made = await upload(ctx, ada, large, "thumbnail.webp")
    assert made.object_key != made.thumbnail_key
    assert b"".join([chunk async for chunk in ctx.objects.read(made.object_key)]) == large
    assert (await thumbnail(ctx, made)).size == (640, 427)
