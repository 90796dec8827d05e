"""A child process that answers nothing and ends with its channel."""

import asyncio
import socket
import sys

from mediaserver.base.processes.channel import Channel


async def main() -> None:
    await (await Channel.open(socket.socket(fileno=int(sys.argv[1])))).run()


if __name__ == "__main__":
    asyncio.run(main())
