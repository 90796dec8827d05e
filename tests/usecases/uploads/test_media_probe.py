"""What becomes of a process that hangs, dies or lies while it looks at a file."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from mediaserver.usecases.uploads import media_probe
from mediaserver.usecases.uploads.media_probe import Probed, probe_media, probe_picture
from tests.usecases.pictures import encoded, quarters


@pytest.fixture
def instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script that runs in the place of the process; the thumbnail's path is its fifth argument."""
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    return script


async def probe(script: Path, *lines: str) -> Probed | None:
    script.write_text("\n".join(["#!/bin/sh", *lines]))
    return await probe_media(script, "mov", script.with_name("thumbnail.webp"), "ann")


async def test_what_it_knew_before_it_died_counts(instead: Path) -> None:
    found = await probe(instead, """echo '{"has_video": true, "width": 4, "height": 3}'""", "kill -9 $$")
    assert found == Probed(has_video=True, width=4, height=3)


async def test_one_that_says_nothing_has_seen_nothing(instead: Path) -> None:
    assert await probe(instead, "exit 0") is None
    assert await probe(instead, "kill -9 $$") is None


@pytest.mark.parametrize(
    "said",
    [
        '{"width": -1}',
        '{"width": 1e400}',
        '{"width": "4"}',
        '{"duration_s": -1}',
        '{"duration_s": NaN}',
        '{"thumbnail": [0, 1]}',
        '{"thumbnail": [1, 2, 3]}',
        '{"object_key": "recordings/1"}',
        '{"removed": -1}',
        '{"removed": true}',
        '{"damage": 1}',
        "[]",
        "nonsense",
    ],
)
async def test_one_that_talks_nonsense_is_not_believed(instead: Path, said: str) -> None:
    assert await probe(instead, f"echo '{said}'") is None


@pytest.mark.parametrize("made", ["true", 'echo "<script>" > $5', "head -c 5000000 /dev/zero > $5"])
async def test_a_thumbnail_that_is_none_is_none(instead: Path, made: str) -> None:
    found = await probe(instead, made, """echo '{"width": 4, "height": 3, "thumbnail": [4, 3]}'""")
    assert found == Probed(width=4, height=3)


async def test_one_that_never_stops_talking_is_ended(instead: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_probe, "_WALL_S", 0.3)
    async with asyncio.timeout(20):
        assert await probe(instead, "exec yes") is None
        assert await probe(instead, "exec cat /dev/zero") is None


async def test_one_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_probe, "_WALL_S", 1.0)
    never = tmp_path / "never"
    os.mkfifo(never)  # nobody writes: it waits
    began = time.monotonic()
    assert await probe_picture(never, "image/png", tmp_path / "thumbnail.webp", "ann") is None
    assert time.monotonic() - began < 20


async def test_few_look_at_once_however_many_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, at_once, most = tmp_path / "a.png", 0, 0
    picture.write_bytes(encoded(quarters(40, 40), "PNG"))
    really = media_probe._last_line_of

    async def counted(*arguments: str) -> bytes:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            return await really(*arguments)
        finally:
            at_once -= 1

    monkeypatch.setattr(media_probe, "_AT_ONCE", 2)
    monkeypatch.setattr(media_probe, "_last_line_of", counted)
    found = await asyncio.gather(
        *(probe_picture(picture, "image/png", tmp_path / f"{n}.webp", f"person {n}") for n in range(6))
    )
    assert [one and one.thumbnail for one in found] == [(40, 40)] * 6
    assert most == 2


async def test_leaving_early_ends_it(instead: Path) -> None:
    pid = instead.with_name("pid")
    looking = asyncio.create_task(probe(instead, f"echo $$ > {pid}", "exec sleep 1000"))
    async with asyncio.timeout(10):
        while not (pid.exists() and pid.read_text().strip()):
            await asyncio.sleep(0.01)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
