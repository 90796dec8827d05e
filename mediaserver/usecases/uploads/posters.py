"""What sound and video files hold, read by FFmpeg's demuxers, and a poster of a video, decoded by its codecs.

Runs only in the process that `media_probe` starts: what is read here is a stranger's.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
from PIL import Image, ImageStat

from mediaserver.usecases.uploads import thumbnails
from mediaserver.usecases.uploads.thumbnails import Size

_MAX_DURATION_S = 7 * 86400.0
_POSTER_WITHIN_S = 10.0
_POSTER_STEP_S = 0.4
_POSTER_CPU_S = 4.0
_POSTER_PACKETS = 2000
_LIVELY = 12.0  # standard deviation of its grey, of 255
_LOOKED_AT = (64, 64)


def read(path: Path, demuxer: str) -> dict[str, Any]:
    """`has_video`, `width`, `height`, `duration_s` as the container says. Raises what PyAV raises."""
    with _opened(path, demuxer) as container:
        video = _video(container)
        if video is None and not container.streams.audio:
            raise ValueError("neither sound nor video")
        duration_s = container.duration / av.time_base if container.duration else _last_time(container)
        width, height = _shown_size(video.width, video.height, video.sample_aspect_ratio) if video else (0, 0)
    return {
        "has_video": video is not None,
        "width": width or None,
        "height": height or None,
        "duration_s": round(duration_s, 3) if duration_s and 0 < duration_s < _MAX_DURATION_S else None,
    }


def of_video(path: Path, demuxer: str, target: Path, max_pixels: int) -> tuple[Size, Size] | None:
    """Write a poster: `(size of the video as it is shown, the poster's)`; None when no picture can be decoded."""
    with _opened(path, demuxer) as container:
        video = _video(container)
        # What the stream itself claims may be larger than what the container does.
        video.codec_context.options = {"max_pixels": str(max_pixels)}
        video.codec_context.thread_count = 1
        frame = _liveliest(_early_frames(container, video))
        if frame is None:
            return None
        shown = _shown_size(frame.width, frame.height, video.sample_aspect_ratio)
    width, height = shown
    small = thumbnails.fitting(width, height)
    poster: Image.Image = frame.to_image(width=small[0], height=small[1])
    turn = round(frame.rotation / 90) * 90  # counterclockwise, as Pillow turns
    if turn:
        poster = poster.rotate(turn, expand=True)
    thumbnails.write(poster, target)
    return ((height, width) if turn % 180 else (width, height)), poster.size


def _opened(path: Path, demuxer: str) -> Any:
    return av.open(str(path), format=demuxer, options={"protocol_whitelist": "file"})


def _video(container: Any) -> Any:
    """The first video stream. A cover picture in a sound file is an attached still, not video."""
    attached = av.stream.Disposition.attached_pic
    return next((s for s in container.streams.video if not s.disposition & attached), None)


def _shown_size(width: int, height: int, pixel_aspect: Any) -> Size:
    """Pixels need not be square: players stretch the width."""
    return round(width * float(pixel_aspect or 1)), height


def _last_time(container: Any) -> float | None:
    """Browsers' own recorders write no duration: walk to the end."""
    last = 0.0
    for packet in container.demux():
        if packet.pts is not None and packet.time_base is not None:
            last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return last or None


def _early_frames(container: Any, video: Any) -> Iterator[Any]:
    """Decoded frames near the beginning, some time apart; as many as a little CPU time gives."""
    end_cpu_s, first_s, next_s = time.process_time() + _POSTER_CPU_S, None, 0.0
    for number, packet in enumerate(container.demux(video)):
        if number > _POSTER_PACKETS or time.process_time() > end_cpu_s:
            return
        try:
            frames = packet.decode()
        except av.error.FFmpegError:  # damaged in places, as videos are
            continue
        for frame in frames:
            first_s = frame.time or 0.0 if first_s is None else first_s
            at_s = (frame.time or 0.0) - first_s
            if at_s > _POSTER_WITHIN_S:
                return
            if at_s >= next_s:
                next_s = at_s + _POSTER_STEP_S
                yield frame


def _liveliest(frames: Iterator[Any]) -> Any:
    """The first that is not of one colour; else the least dull; None when there is none at all."""
    best, most = None, -1.0
    for frame in frames:
        grey = frame.to_image(width=_LOOKED_AT[0], height=_LOOKED_AT[1]).convert("L")
        (spread,) = ImageStat.Stat(grey).stddev
        if spread > most:
            best, most = frame, spread
        if spread >= _LIVELY:
            break
    return best
