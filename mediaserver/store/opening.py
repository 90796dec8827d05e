"""Opens the database that the settings name, with the embedded document server where that is the one."""

import contextlib
from collections.abc import AsyncIterator

from mediaserver.base.processes.supervision import running
from mediaserver.base.secrets import private_directory
from mediaserver.base.settings.tree import Settings
from mediaserver.store.embedded_server import EmbeddedDocuments, is_running
from mediaserver.store.mongo import EMBEDDED, Database


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """A connection; the embedded server is started unless one is running for the data directory.

    Nothing is migrated and no index is made. Raises `StartError` when no server answers.
    """
    directory, mongodb = settings.data.dir / "documents", settings.mongodb
    async with contextlib.AsyncExitStack() as stack:
        if mongodb.uri == EMBEDDED and not await is_running(directory):
            private_directory(directory)
            server = EmbeddedDocuments(directory)
            await stack.enter_async_context(running("document server", server.run))
            await server.ready()
        database = await Database.open(mongodb.uri, mongodb.database, directory, mongodb.timeout_s)
        stack.push_async_callback(database.close)
        yield database
