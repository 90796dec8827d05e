"""`make run` as a newcomer types it, in a checkout that is set up already."""

import asyncio
import os
import signal
import socket
from pathlib import Path

import aiohttp
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

ROOT = Path(__file__).parents[2]
SECOND_START_LIMIT_S = 5.0
CI_FACTOR = 3


async def test_make_run_honours_host_port_and_data(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.2", 0))
        port = probe.getsockname()[1]
    began = asyncio.get_running_loop().time()
    process = await asyncio.create_subprocess_exec(
        "make", "run", "HOST=127.0.0.2", f"PORT={port}", f"DATA={tmp_path / 'mine'}",
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        said = b""
        while b"mediaserver is at " not in said:
            line = await asyncio.wait_for(process.stdout.readline(), 30)
            assert line, said.decode()
            said += line
        url = f"http://127.0.0.2:{port}"
        assert url.encode() in said
        async with http.get(f"{url}/") as page:
            assert page.status == 200 and "<title>" in await page.text()
        took_s = asyncio.get_running_loop().time() - began
        async with http.get(f"{url}/api/v1/openapi.json") as description:
            assert (await description.json())["openapi"].startswith("3.1")
        assert took_s < CI_FACTOR * SECOND_START_LIMIT_S
        assert (tmp_path / "mine" / "documents").is_dir()
    finally:
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = await asyncio.wait_for(process.communicate(), 20)
    assert b"Traceback" not in rest
