"""The control channel between the main process and a child: length-prefixed JSON on a Unix stream socket.

A frame is a 4-byte big-endian length and a JSON object: `{"id": n, "op": …, "body": {…}}` is a request,
`{"id": n, "reply": {…}}` or `{"id": n, "error": {code, detail}}` its answer, and
`{"event": …, "body": {…}}` an event.
Requests of one channel are handled in order. Bytes that are no frame end the channel: after them nobody knows
where the next frame begins.
"""

import asyncio
import itertools
import json
import logging
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mediaserver.base.errors import Problem

log = logging.getLogger(__name__)

Body = dict[str, Any]
RequestHandler = Callable[[str, Body], Awaitable[Body]]
EventHandler = Callable[[str, Body], None]

_LENGTH = struct.Struct("!I")
MAX_FRAME: Final = 16 << 20


class Malformed(ValueError):
    """Bytes that no end of a channel writes."""


@dataclass(slots=True, frozen=True)
class Request:
    """The peer asks for something; the answer carries the same id."""

    id: int
    op: str
    body: Body


@dataclass(slots=True, frozen=True)
class Answer:
    """The peer's answer: either `reply` or `error` is set."""

    id: int
    reply: Body | None
    error: Body | None


@dataclass(slots=True, frozen=True)
class Event:
    """The peer reports something; there is no answer."""

    name: str
    body: Body


def frame_length(prefix: bytes) -> int:
    """Return the length of the frame that follows its 4-byte prefix; raises `Malformed` beyond `MAX_FRAME`."""
    (length,) = _LENGTH.unpack(prefix)
    if length > MAX_FRAME:
        raise Malformed(f"a frame of {length} bytes")
    return int(length)


def read_frame(data: bytes) -> Request | Answer | Event:
    """Read one frame without its prefix; raises `Malformed`."""
    try:
        frame = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error
    match frame:
        case {"id": int(number), "op": str(op), "body": dict(body)}:
            return Request(number, op, body)
        case {"event": str(name), "body": dict(body)}:
            return Event(name, body)
        case {"id": int(number), "reply": dict(reply)}:
            return Answer(number, reply, None)
        case {"id": int(number), "error": {"status": int(), "code": str(), "detail": str()} as error}:
            return Answer(number, None, error)
    raise Malformed("no request, answer or event")


def write_frame(frame: Mapping[str, Any]) -> bytes:
    """Return a frame with its prefix."""
    data = json.dumps(frame, separators=(",", ":")).encode()
    return _LENGTH.pack(len(data)) + data


class ChannelClosed(Problem):
    """The other process is gone; what was asked of it may or may not have happened."""

    status, title = 503, "Unavailable"

    def __init__(self) -> None:
        super().__init__("channel_closed", "the process that should answer is gone")


class Channel:
    """One end of a control channel. `run` reads until the peer closes; all else may be called at any time."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_request: RequestHandler | None = None,
        on_event: EventHandler | None = None,
    ) -> None:
        self._reader, self._writer = reader, writer
        self._on_request, self._on_event = on_request, on_event
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Body]] = {}
        self.closed = False

    @classmethod
    async def open(
        cls,
        sock: socket.socket,
        on_request: RequestHandler | None = None,
        on_event: EventHandler | None = None,
    ) -> "Channel":
        sock.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=sock, limit=MAX_FRAME)
        return cls(reader, writer, on_request, on_event)

    async def run(self) -> None:
        """Handle frames until the peer closes; then fail what still waits for an answer."""
        try:
            while True:
                length = frame_length(await self._reader.readexactly(_LENGTH.size))
                await self._handle(read_frame(await self._reader.readexactly(length)))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except Malformed as error:
            log.error("closing a control channel", extra={"why": str(error)})
        finally:
            self.close()

    async def request(self, op: str, body: Mapping[str, Any], timeout_s: float = 10.0) -> Body:
        """Ask the peer; raises `ChannelClosed` when it dies first, `Problem` when it refuses."""
        if self.closed:
            raise ChannelClosed
        number = next(self._ids)
        future = self._pending[number] = asyncio.get_running_loop().create_future()
        try:
            self._write({"id": number, "op": op, "body": body})
            return await asyncio.wait_for(future, timeout_s)
        finally:
            self._pending.pop(number, None)

    def event(self, name: str, body: Mapping[str, Any]) -> None:
        """Tell the peer, without an answer; nothing happens when it is gone."""
        if not self.closed:
            self._write({"event": name, "body": body})

    def close(self) -> None:
        self.closed = True
        self._writer.close()
        for future in self._pending.values():
            if not future.done():
                future.set_exception(ChannelClosed())

    def _write(self, frame: Mapping[str, Any]) -> None:
        self._writer.write(write_frame(frame))

    async def _handle(self, frame: Request | Answer | Event) -> None:
        if isinstance(frame, Request):
            await self._answer(frame)
        elif isinstance(frame, Event):
            self._tell(frame.name, frame.body)
        elif (future := self._pending.get(frame.id)) and not future.done():
            if frame.reply is not None:
                future.set_result(frame.reply)
            elif frame.error is not None:
                future.set_exception(_Refused(frame.error["status"], frame.error["code"], frame.error["detail"]))

    def _tell(self, name: str, body: Body) -> None:
        try:
            if self._on_event:
                self._on_event(name, body)
        except Exception:  # a bug in one handler must not end the connection, and the child with it
            log.exception("an event of a child was not handled", extra={"event": name})

    async def _answer(self, request: Request) -> None:
        if self._on_request is None:
            raise Malformed("this end takes no requests")
        try:
            answer: dict[str, Any] = {"reply": await self._on_request(request.op, request.body)}
        except Problem as problem:
            answer = {"error": {"status": problem.status, "code": problem.code, "detail": problem.detail}}
        except Exception:  # a bug in one handler must not end the process
            log.exception("request failed", extra={"op": request.op})
            answer = {"error": {"status": 500, "code": "internal", "detail": f"{request.op} failed"}}
        if not self.closed:
            self._write({"id": request.id, **answer})


class _Refused(Problem):
    """A problem that the other process raised."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.status = status  # type: ignore[misc]  # carried over from the process that raised it
