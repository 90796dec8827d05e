"""A whole server in its own processes, as `mediaserver serve` starts them; tests may kill every part of it."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

WORKER = "mediaserver.media.control.worker"
EGRESS = "mediaserver.recording.capture.egress"
DOCUMENTS = "mediaserver.documentserver"

_CHEAP = {
    "auth.argon2_memory_kib": "256",
    "auth.argon2_time_cost": "1",
    "auth.attempts_per_minute": "10000",
    "auth.attempts_before_delay": "10000",
    "auth.address_failures_per_hour": "100000",
    "auth.account_failures_per_hour": "10000",
    "auth.sign_ins_per_minute": "10000",
    "auth.registrations_per_hour": "100000",
    "limits.reads_per_minute": "1000000",
    "limits.writes_per_minute": "1000000",
    "limits.anonymous_per_minute": "1000000",
    "recording.min_free_bytes": "0",
    "data.reserve_bytes": "0",
}


class Server:
    """One server on one data directory; `restart` starts it again on the same port and directory."""

    def __init__(
        self, data: Path, settings: Mapping[str, str], env: Mapping[str, str], module: str = "mediaserver"
    ) -> None:
        self.data, self._module = data, module
        self.settings = {
            **_CHEAP, "media.ip": "127.0.0.1", "http.port": "0", "data.dir": str(data), **settings
        }  # fmt: skip
        self._env = dict(env)
        self.url = ""
        self.log: deque[str] = deque(maxlen=4000)
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def running(
        cls,
        data: Path,
        settings: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        module: str = "mediaserver",
    ) -> AsyncIterator["Server"]:
        server = cls(data, settings or {}, env or {}, module)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()

    async def start(self) -> None:
        flags = [part for name, value in self.settings.items() for part in (f"--{name}", value)]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self._module, "serve", *flags,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self._env},
        )  # fmt: skip
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(self._process, ready))
        self.url = await asyncio.wait_for(ready, 60)
        self.settings["http.port"] = self.url.rsplit(":", 1)[1].strip("/")

    async def _read(self, process: asyncio.subprocess.Process, ready: asyncio.Future[str]) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            text = line.decode(errors="replace").rstrip()
            self.log.append(text)
            if text.startswith("mediaserver is at ") and not ready.done():
                ready.set_result(text.rsplit(" ", 1)[1].rstrip("/"))
        if not ready.done():
            ready.set_exception(RuntimeError("the server does not start:\n" + "\n".join(self.log)))

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def port(self) -> int:
        return int(self.settings["http.port"])

    async def stop(self) -> int:
        """SIGTERM, and wait; the exit status."""
        assert self._process is not None and self._reading is not None
        if self._process.returncode is None:
            self._process.terminate()
        try:
            status = await asyncio.wait_for(self._process.wait(), 30)
        except TimeoutError:
            self._process.kill()
            raise
        # A child that was left behind would hold the pipe for ever.
        await asyncio.wait_for(self._reading, 30)
        return status

    async def kill(self) -> None:
        """kill -9 of the main process alone; its children are expected to end by themselves."""
        assert self._process is not None and self._reading is not None
        children = [pid for module in (WORKER, EGRESS, DOCUMENTS) for pid in self.children(module)]
        self._process.kill()
        await self._process.wait()
        await self._reading
        await wait_until(
            lambda: not any(_alive(pid) for pid in children), 30, "the children end with their parent"
        )

    def children(self, module: str) -> list[int]:
        """The process ids of the children that run `module`."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if parent == self.pid and module.encode() in words:
                    found.append(int(entry.name))
        return found

    def kill_child(self, module: str) -> int:
        (pid,) = self.children(module)
        os.kill(pid, signal.SIGKILL)
        return pid


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def wait_until(condition: Any, timeout_s: float, what: str) -> Any:
    """Wait for a true answer of `condition` (a function, or a coroutine function) and give it."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while True:
        answer = condition()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return answer
        if loop.time() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what} (last: {answer!r})")
        await asyncio.sleep(0.1)


class Person:
    """Somebody with an account, over REST."""

    def __init__(self, http: aiohttp.ClientSession, url: str, signed_in: dict[str, Any]) -> None:
        self._http, self._url = http, url
        self.user: dict[str, Any] = signed_in["user"]
        self.token: str = signed_in["accessToken"]
        self.refresh_token: str = signed_in["refreshToken"]

    @classmethod
    async def register(cls, http: aiohttp.ClientSession, url: str, username: str) -> "Person":
        body = {"username": username, "email": f"{username}@example.org", "password": f"{username}-password"}
        async with http.post(f"{url}/api/v1/auth/register", json=body) as answer:
            assert answer.status == 201, await answer.text()
            return cls(http, url, await answer.json())

    async def request(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        async with self._http.request(method, f"{self._url}/api/v1{path}", headers=headers, **options) as answer:
            return answer.status, await answer.json() if "json" in answer.content_type else await answer.read()

    async def get(self, path: str) -> Any:
        status, body = await self.request("GET", path)
        assert status == 200, body
        return body

    async def post(self, path: str, body: Any = None, status: int = 201) -> Any:
        got, answer = await self.request("POST", path, json={} if body is None else body)
        assert got == status, answer
        return answer
