"""What tests do with recordings: make them, wait for them, look into the composed program."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from numpy.typing import NDArray

from tests.e2e.attendee import Attendee
from tests.e2e.media_file import Recording, read_code, tone_of
from tests.e2e.server import Person, wait_until


async def ready(person: Person, kind: str, session: str, timeout_s: float = 60) -> dict[str, Any]:
    """The session's newest recording, once it can be played."""

    async def finished() -> dict[str, Any] | None:
        found = (await person.get(f"/{kind}-sessions/{session}/recordings"))["items"]
        assert not found or found[0]["status"] != "failed", found
        return found[0] if found and found[0]["status"] == "ready" else None

    recording: dict[str, Any] = await wait_until(finished, timeout_s, "the recording is ready")
    return recording


async def record(moderator: Attendee, seconds: float) -> float:
    """Record for so long; the time between the two acknowledgements, in seconds."""
    loop = asyncio.get_running_loop()
    await moderator.session("startRecording")
    began = loop.time()
    await asyncio.sleep(seconds)
    await moderator.session("stopRecording")
    return loop.time() - began


async def download(http: aiohttp.ClientSession, url: str, target: Path) -> Path:
    async with http.get(url) as answer:
        assert answer.status == 200, await answer.text()
        target.write_bytes(await answer.read())
    return target


def boards(picture: NDArray[np.uint8]) -> Iterator[int]:
    """Whose boards stand in a composed 1280×720 picture: the large one, then the first beside it.

    The large tile is 1024 wide (16:9 inside its 720), the strip beside it 256, its tiles 144 high, in the middle.
    """
    for part in (picture[72:648, 0:1024], picture[288:432, 1024:1280]):
        if code := read_code(part):
            yield code[0]


def check_program(file: Path, whos: set[int], from_s: float, to_s: float) -> Recording:
    """The program shows the pictures and carries the tones of just these two people."""
    program = Recording.read(file)
    shown = [list(boards(picture)) for time_s, picture in program.video if from_s <= time_s <= to_s]
    both = [seen for seen in shown if len(seen) == 2]
    assert len(both) >= 0.8 * len(shown) > 0, f"both boards are readable: {shown}"
    assert all(set(seen) == whos for seen in both), shown
    for who in range(4):
        level = program.loudness_db(tone_of(who), from_s, to_s)
        assert level > -20 if who in whos else level < -30, (who, level)
    return program
