"""How long and how large sound and video are, read by FFmpeg's demuxers in a short-lived process of its own.

The files are strangers': a demuxer that crashes, hangs or grows takes nothing else with it. The
demuxer is chosen by us, so that no file can name others (as playlists do) to be read.
"""

import asyncio
import json
import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CPU_S = 10
_WALL_S = 20.0
_MEMORY = 1 << 30
_MAX_DURATION_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Probed:
    has_video: bool
    width: int | None
    height: int | None
    duration_s: float | None


async def probe(path: Path, demuxer: str) -> Probed | None:
    """What the file holds; None when it cannot be read as what it claims to be."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        demuxer,
        str(path),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_WALL_S):
            output, _ = await process.communicate()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _parse(output) if process.returncode == 0 else None


def _parse(output: bytes) -> Probed | None:
    try:
        return Probed(**json.loads(output))
    except (ValueError, TypeError):
        return None


def _read(demuxer: str, path: str) -> Probed:
    import av  # only in the process of its own

    with av.open(path, format=demuxer, options={"protocol_whitelist": "file"}) as container:
        # A cover picture in a sound file is an attached still, not video.
        attached = av.stream.Disposition.attached_pic
        video = next((s for s in container.streams.video if not s.disposition & attached), None)
        if video is None and not container.streams.audio:
            raise ValueError("neither sound nor video")
        duration_s = container.duration / av.time_base if container.duration else _last_time(container)
    return Probed(
        has_video=video is not None,
        width=(video.width or None) if video else None,
        height=(video.height or None) if video else None,
        duration_s=round(duration_s, 3) if duration_s and 0 < duration_s < _MAX_DURATION_S else None,
    )


def _last_time(container: Any) -> float | None:
    """Browsers' own recorders write no duration: walk to the end."""
    last = 0.0
    for packet in container.demux():
        if packet.pts is not None and packet.time_base is not None:
            last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return last or None


def _main(demuxer: str, path: str) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import av  # its libraries are mapped before memory is bounded

    av.logging.set_level(None)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    probed = _read(demuxer, path)
    json.dump({name: getattr(probed, name) for name in Probed.__slots__}, sys.stdout)


if __name__ == "__main__":
    _main(*sys.argv[1:])
