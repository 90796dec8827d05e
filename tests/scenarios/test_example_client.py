"""The example of docs/examples, made from docs/protocol.md alone, talks to a real server."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.server import Person, Server, wait_until

EXAMPLE = Path("docs/examples/chat_client.py")


class Program:
    """The example as somebody runs it; `lines` is what it printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process, self.lines = process, list[str]()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, *words: str) -> AsyncIterator["Program"]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(EXAMPLE), *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        program = cls(process)
        try:
            yield program
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await program._reading

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode().rstrip())

    async def says(self, text: str) -> str:
        """The line that has `text`, once it is there."""

        def found() -> str | None:
            return next((line for line in self.lines if text in line), None)

        try:
            line: str = await wait_until(found, 30, f"the example prints {text!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n" + "\n".join(self.lines)) from None
        return line


@pytest.mark.slow
async def test_two_of_them_meet_talk_and_hear_the_end(tmp_path: Path) -> None:
    async with (
        Server.running(tmp_path) as server,
        aiohttp.ClientSession() as http,
        Program.running(server.url, "maria", "maria-password", "--title", "Algebra", "--say", "Welcome") as maria,
    ):
        session = (await maria.says("session ")).split()[1]
        await maria.says("joined Algebra with maria")
        await maria.says("1 maria: Welcome")
        async with Program.running(server.url, "jonas", "jonas-password", "--join", session) as jonas:
            await jonas.says("1 maria: Welcome")
            await jonas.says("2 jonas: Hello!")
            await maria.says("2 jonas: Hello!")
            await maria.says("participant.joined maria, jonas")

            # The whole server dies and comes back: they join again, and miss nothing of what is said then.
            await server.kill()
            await server.start()
            await wait_until(lambda: _times(jonas, "joined Algebra") == 2, 40, "jonas is back")
            await wait_until(lambda: _times(maria, "joined Algebra") == 2, 40, "maria is back")

            body = {"login": "maria", "password": "maria-password"}
            async with http.post(f"{server.url}/api/v1/auth/login", json=body) as answer:
                assert answer.status == 200
                moderator = Person(http, server.url, await answer.json())
            path = f"/video-sessions/{session}"
            for status in (201, 200):  # the same `clientId` again is the same message
                said = await moderator.post(f"{path}/messages", {"clientId": "a", "content": "One more"}, status)
                assert said["sequence"] == 3
            await jonas.says("3 maria: One more")
            await moderator.post(f"{path}/end", status=200)
            await asyncio.wait_for(asyncio.gather(jonas.process.wait(), maria.process.wait()), 20)
            assert (jonas.process.returncode, maria.process.returncode) == (0, 0)
            assert _times(jonas, "maria: Welcome") == _times(jonas, "maria: One more") == 1


def _times(program: Program, text: str) -> int:
    return sum(text in line for line in program.lines)
