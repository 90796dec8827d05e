"""The Markdown of lessons.

The parser is JavaScript: it runs in the Node that Playwright brings, and `harness.mjs` says what is wrong.
"""

import atexit
import select
import subprocess
from functools import cache
from pathlib import Path

from playwright._impl._driver import compute_driver_executable

import mediaserver
from tests.fuzz.target import Target

PARSER = Path(mediaserver.__file__).parent / "web" / "app" / "markdown.js"
HARNESS = Path(__file__).parents[1] / "markdown" / "harness.mjs"
PATIENCE_S = 20


@cache
def node() -> "subprocess.Popen[bytes]":
    executable, _ = compute_driver_executable()
    command = [executable, "--no-warnings", str(HARNESS), PARSER.as_uri()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(stop, process)
    return process


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.communicate()


def run(data: bytes) -> None:
    process = node()
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(len(data).to_bytes(4, "big") + data)
    process.stdin.flush()
    if not select.select([process.stdout], [], [], PATIENCE_S)[0]:
        node.cache_clear()
        stop(process)
        raise AssertionError(f"no verdict within {PATIENCE_S} s")
    verdict = process.stdout.readline().decode().strip()
    assert verdict == "ok", verdict


TARGET = Target(
    "markdown",
    run,
    max_length=2000,
    words=(
        b"**", b"__", b"*", b"_", b"~~", b"`", b"```\n", b"~~~", b"\n\n", b"\n", b"> ", b"- ", b"1. ", b"# ",
        b"[", b"](", b")", b"<", b">", b"https://", b"javascript:", b"[a](https://e.org)", b"<script>",
        b"<img onerror=x>", b"\\", b"  \n", b"\t", b"    ", b"***\n", b"---\n", b"\xe2\x80\xae",
        b"\xf0\x9f\x98\x80", b"data:text/html,", b"HTTPS://", b"\r", b"\x00",
    ),
)  # fmt: skip
