"""A client without manners: raw Socket.IO over a raw WebSocket, and raw HTTP over a raw connection."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp


class Raw:
    """One WebSocket that has done the Engine.IO and Socket.IO handshakes."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, http: aiohttp.ClientSession, url: str, token: str) -> AsyncIterator["Raw"]:
        address = f"{url}/socket.io/?EIO=4&transport=websocket"
        async with http.ws_connect(address, max_msg_size=0, autoping=True) as socket:
            raw = cls(socket)
            assert (await socket.receive_str()).startswith("0")
            await socket.send_str("40" + json.dumps({"token": token}))
            connected = await socket.receive_str()
            assert connected.startswith("40"), connected
            yield raw

    async def ask(self, event: Any, data: Any, number: int = 1, timeout_s: float = 10) -> dict[str, Any]:
        """Send an event and wait for its acknowledgement, passing over everything else."""
        await self.socket.send_str(f"42{number}" + json.dumps([event, data]))
        async with asyncio.timeout(timeout_s):
            while True:
                text = await self.socket.receive_str()
                if text.startswith(f"43{number}["):
                    answer: dict[str, Any] = json.loads(text[len(f"43{number}") :])[0]
                    return answer

    async def over(self, timeout_s: float = 10) -> None:
        """Wait until the server has ended the connection."""
        async with asyncio.timeout(timeout_s):
            while True:
                message = await self.socket.receive()
                if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
                    return


async def connect_refusal(http: aiohttp.ClientSession, url: str, token: str) -> str:
    """The code with which a Socket.IO connect is refused."""
    async with http.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket") as socket:
        await socket.receive_str()
        await socket.send_str("40" + json.dumps({"token": token}))
        answer = await socket.receive_str()
        assert answer.startswith("44"), answer
        error = json.loads(answer[2:])
        assert error["message"] == error["data"]["code"]
        return str(error["message"])


async def raw_http(host: str, port: int, request: bytes, timeout_s: float = 10) -> bytes:
    """Everything that the server answers to these bytes until it closes or is silent for a second."""
    reader, writer = await asyncio.open_connection(host, port)
    answer = b""
    try:
        writer.write(request)
        await writer.drain()
        with contextlib.suppress(TimeoutError, ConnectionError):
            while data := await asyncio.wait_for(reader.read(65536), timeout_s if not answer else 1):
                answer += data
    except ConnectionError:
        pass
    finally:
        writer.close()
    return answer
