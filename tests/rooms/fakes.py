"""A media worker and a recorder that remember what they were asked, and a way to wait for what happens."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from mediaserver.base.processes.channel import ChannelClosed
from mediaserver.media import messages as m

R = TypeVar("R")


async def until(look: Callable[[], R], timeout_s: float = 5.0) -> R:
    """Wait until `look` gives something true, and give that."""
    end = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < end, f"did not happen within {timeout_s} s"
        await asyncio.sleep(0.005)
    return found


class FakeWorker:
    """Answers at once; `asked` has the requests in order. `die` as its process does."""

    def __init__(self) -> None:
        self.alive = True
        self.port = 40000
        self.fingerprint = m.Fingerprint(algorithm="sha-256", value=":".join(["AB"] * 32))
        self.asked: list[m.Request] = []
        self.hold: asyncio.Event | None = None
        """When set, requests wait for it."""
        self.times_out: set[type[m.Request]] = set()
        """Requests that get no answer in time."""

    def of(self, kind: type[R]) -> list[R]:
        return [request for request in self.asked if isinstance(request, kind)]

    async def _take(self, request: m.Request) -> m.Empty:
        if self.hold is not None:
            await self.hold.wait()
        if not self.alive:
            raise ChannelClosed
        if type(request) in self.times_out:
            raise TimeoutError
        self.asked.append(request)
        return m.Empty()

    async def open_transport(self, request: m.OpenTransport) -> m.IceParameters:
        await self._take(request)
        return m.IceParameters(ufrag=f"u{len(self.asked):03}", pwd="p" * 24)

    async def restart_ice(self, request: m.RestartIce) -> m.IceParameters:
        await self._take(request)
        return m.IceParameters(ufrag=f"r{len(self.asked):03}", pwd="q" * 24)

    connect_transport = close_transport = set_track = enable_track = close_track = set_slot = _take
    bind_slot = resume_slot = pause_slot = tap_track = untap_track = _take


class FakeWorkers:
    def __init__(self) -> None:
        self.worker = FakeWorker()

    async def pick(self) -> FakeWorker:
        return self.worker

    def listen(self, on_event: Any, on_reset: Any) -> None:
        self._on_event, self._on_reset = on_event, on_reset

    def event(self, event: m.Event) -> None:
        self._on_event(self.worker, event)

    def kill(self) -> FakeWorker:
        """The worker dies; another takes its place. Answers the dead one."""
        dead, self.worker = self.worker, FakeWorker()
        dead.alive = False
        self._on_reset(dead)
        return dead


class FakeRecorder:
    """`said` has calls as `(what, recording, track)`."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, Any]] = []
        self.refuses: Exception | None = None
        self.hangs = False
        """`add_track` gets no answer in time."""

    async def start(
        self, *, recording_id: str, session_kind: str, session_id: str, title: str, started_at: datetime
    ) -> None:
        if self.refuses:
            raise self.refuses
        self.said.append(("start", recording_id, session_id))

    async def add_track(self, *, recording_id: str, track_id: str, source: str, **rest: Any) -> tuple[int, str]:
        if self.hangs:
            raise TimeoutError
        self.said.append(("add", recording_id, source))
        return len(self.said), "/run/taps"

    async def mark_track(self, *, recording_id: str, track_id: str, enabled: bool) -> None:
        self.said.append(("mark", recording_id, enabled))

    async def end_track(self, *, recording_id: str, track_id: str) -> None:
        self.said.append(("end", recording_id, track_id))

    async def stop(self, *, recording_id: str) -> None:
        self.said.append(("stop", recording_id, None))

    def listen(self, on_reset: Callable[[], None]) -> None:
        self.come_back = on_reset

    def heard(self) -> list[str]:
        return [what for what, _, _ in self.said]
