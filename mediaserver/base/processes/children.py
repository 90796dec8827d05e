"""Child processes: started with one end of a control channel, restarted when they die, ended with their parent.

A child is `python -m MODULE FD`: its control channel is file descriptor FD. The parent's end closing is the
child's order to finish, so children never outlive the main process, however it dies.
"""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Awaitable, Callable

from mediaserver.base.errors import Problem
from mediaserver.base.processes.channel import Channel, EventHandler

log = logging.getLogger(__name__)

_BACKOFF_S = (0.0, 0.2, 1.0, 3.0)
_STABLE_S = 3.0
"""One that ran so long is started again at once: only those that die early are held back."""


class Child:
    """One supervised process. `on_up` runs after each start (configure it there), `on_down` after each death."""

    def __init__(
        self,
        name: str,
        module: str,
        on_event: EventHandler,
        on_up: Callable[[Channel], Awaitable[None]],
        on_down: Callable[[], None],
        stop_grace_s: float = 10.0,
    ) -> None:
        self.name, self.module = name, module
        self._on_event, self._on_up, self._on_down = on_event, on_up, on_down
        self._stop_grace_s = stop_grace_s
        self.channel: Channel | None = None
        self.pid: int | None = None
        self.restarts = 0

    async def run(self) -> None:
        """Keep the process alive until cancelled; then close its channel and wait for its orderly end."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            started = loop.time()
            try:
                await self._once()
            except OSError as error:  # no descriptors or no memory just now
                log.error("child cannot be started", extra={"child": self.name, "why": str(error)})
            else:
                self.restarts += 1
                log.error("child died, restarting", extra={"child": self.name, "restarts": self.restarts})
            failures = 1 if loop.time() - started > _STABLE_S else failures + 1
            await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1])

    async def _spawn(self) -> tuple[asyncio.subprocess.Process, Channel]:
        """Start the process. Raises `OSError` when the system refuses something; nothing is left behind then."""
        ours, theirs = socket.socketpair()
        with theirs:  # the child has a copy of its own
            try:
                channel = await Channel.open(ours, on_event=self._on_event)
            except OSError:
                ours.close()
                raise
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", self.module, str(theirs.fileno()),
                    pass_fds=(theirs.fileno(),), stdin=asyncio.subprocess.DEVNULL, start_new_session=True,
                    env={**os.environ, "PYTHONUNBUFFERED": "1"},
                )  # fmt: skip
            except BaseException:
                channel.close()
                raise
        return process, channel

    async def _once(self) -> None:
        process, channel = await self._spawn()
        self.pid = process.pid
        reading = asyncio.create_task(channel.run(), name=f"{self.name} channel")
        try:
            await self._on_up(channel)
            self.channel = channel
            await reading
        except Problem as problem:
            log.error("child failed to start", extra={"child": self.name, "why": problem.detail})
        except Exception:  # its start failed: say why, let `run` try again
            log.exception("child failed to start", extra={"child": self.name})
        finally:
            self.channel, self.pid = None, None
            channel.close()
            reading.cancel()
            ending = asyncio.create_task(self._end(process), name=f"{self.name} ends")
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:  # being stopped just now: it is waited for all the same
                await ending
                raise
            finally:
                self._on_down()

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Wait for its orderly end, not for ever."""
        try:
            await asyncio.wait_for(process.wait(), self._stop_grace_s)
        except TimeoutError:
            process.kill()
            await process.wait()
