"""The main process's handle of the document server: started before the first query, restarted when it dies."""

import asyncio
from pathlib import Path
from typing import Final

from mediaserver.base.errors import Problem, StartError
from mediaserver.base.processes.channel import Channel
from mediaserver.base.processes.children import Child
from mediaserver.store.mongo import embedded_configuration, embedded_socket

_START_S: Final = 30.0


class EmbeddedDocuments:
    """The document server whose files are in `directory`. `run` must be running; `ready` waits for its start."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._child = Child(
            "document server",
            "mediaserver.documentserver",
            lambda _name, _body: None,
            self._configure,
            lambda: None,
        )

    async def run(self) -> None:
        """Keep the process alive until cancelled; it then writes what it holds and ends."""
        await self._child.run()

    async def ready(self) -> None:
        """Wait for the first start; raises `StartError` when it fails."""
        try:
            await asyncio.wait_for(asyncio.shield(self._started), _START_S)
        except Problem as problem:
            raise StartError(f"the embedded document server in {self._directory}: {problem.detail}") from problem
        except TimeoutError:
            raise StartError(f"the embedded document server in {self._directory} does not start") from None

    async def _configure(self, channel: Channel) -> None:
        try:
            await channel.request("configure", embedded_configuration(self._directory), _START_S)
        except Problem as problem:
            if not self._started.done():
                self._started.set_exception(problem)
            raise
        if not self._started.done():
            self._started.set_result(None)


async def is_running(directory: Path) -> bool:
    """Whether a document server answers for `directory` already."""
    try:
        _, writer = await asyncio.open_unix_connection(str(embedded_socket(directory)))
    except OSError:
        return False
    writer.close()
    return True
