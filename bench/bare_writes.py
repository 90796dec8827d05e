"""What fan-out is compared with: `transport.write` of one ready frame to every connection, and nothing else.

`python -m bench.bare_writes` prints its port; each line on stdin, `SIZE`, is one round over all connections.
A connection gets one byte first, when it is among them.
"""

import asyncio
import sys
from typing import cast

import uvloop


class _Connection(asyncio.Protocol):
    def __init__(self, open_ones: set[asyncio.Transport]) -> None:
        self._open = open_ones

    def connection_made(self, transport: asyncio.BaseTransport) -> None:

        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class
        self._open.add(self._transport)
        self._transport.write(b"!")  # from now on it gets what is written

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self._transport)


async def main() -> None:
    loop, open_ones = asyncio.get_running_loop(), set[asyncio.Transport]()
    server = await loop.create_server(lambda: _Connection(open_ones), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    async for line in orders:
        frame = b"x" * int(line)
        for transport in open_ones:
            transport.write(frame)


if __name__ == "__main__":
    uvloop.run(main())
