"""The media worker process: `python -m mediaserver.media.control.worker FD`.

It forwards media until its control channel closes.

The first request configures it. The process ends when the main process ends, in whatever way.
"""

import gc
import resource
import socket
import sys
from collections.abc import Awaitable, Callable

import uvloop
from pydantic import ValidationError

from mediaserver.base.errors import Conflict, Invalid, NotFound, StartError, Unavailable
from mediaserver.base.logs import configure_logging
from mediaserver.base.processes.channel import Body, Channel
from mediaserver.media import messages as m
from mediaserver.media.control.sfu import Sfu
from mediaserver.media.net import srtp


class Process:
    """Handles the requests of the control channel: the first creates the SFU, the others change it."""

    def __init__(self) -> None:
        self.channel: Channel | None = None
        self.sfu: Sfu | None = None

    async def handle(self, op: str, body: Body) -> Body:
        request_type = m.REQUESTS.get(op)
        if request_type is None:
            raise NotFound("unknown_op", f"a media worker knows no {op}")
        try:
            request = request_type.model_validate(body)
        except ValidationError as error:
            raise Invalid("bad_request", str(error)) from error
        reply = await self._answer(request)
        return reply.model_dump()

    async def _answer(self, request: m.Request) -> m.Message:
        if isinstance(request, m.Configure):
            return self._configure(request)
        if self.sfu is None:
            raise Conflict("not_configured", "the first request must be configure")
        handler: Callable[[m.Request], Awaitable[m.Message]] = getattr(self.sfu, request.op)
        return await handler(request)  # ops are those of the table of requests, and each has a method

    def _configure(self, request: m.Configure) -> m.Configured:
        if self.sfu is not None:
            raise Conflict("configured", "the worker is configured already")
        configure_logging(request.log_level, request.log_format)
        try:
            srtp.self_test()
            self.sfu = Sfu(request, self._emit)
        except (StartError, OSError) as error:
            raise Unavailable("media_start", str(error)) from error
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        return self.sfu.configured()

    def _emit(self, event: m.Event) -> None:
        if self.channel is not None:
            self.channel.event(event.name, event.model_dump())


async def run(fd: int) -> None:
    """Serve the control channel at file descriptor `fd` until the main process closes it."""
    _allow_sockets()
    process = Process()
    process.channel = await Channel.open(socket.socket(fileno=fd), on_request=process.handle)
    try:
        await process.channel.run()
    finally:
        if process.sfu is not None:
            await process.sfu.close()


def _allow_sockets() -> None:
    """Raise the limit of descriptors, since each client has its own socket."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1])))
