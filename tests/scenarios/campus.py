"""A whole server for a crowd: beside the embedded documents or an independent engine, with an admin in it."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from pymongo import AsyncMongoClient

from mediaserver.base.ids import new_id
from mediaserver.store.mongo import embedded_socket
from tests.e2e.server import DOCUMENTS, Server, wait_until
from tests.scenarios.crowd import Client, Crowd
from tests.scenarios.service import Door

SMALL = {"recording.width": "160", "recording.height": "90", "recording.fps": "10"}
EXTERNAL = os.environ.get("MONGODB_URI", "")
"""An engine that is not ours; then the outages are of the way to it."""


class Campus:
    """Use `open`; `uri` and `database` are where its documents are, for who looks behind the server."""

    def __init__(self, server: Server, uri: str, database: str, door: Door | None) -> None:
        self.server, self.uri, self.database, self._door = server, uri, database, door

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, data: Path, settings: Mapping[str, str] | None = None, module: str = "mediaserver"
    ) -> AsyncIterator["Campus"]:
        given = {**SMALL, **(settings or {})}
        if not EXTERNAL:
            async with Server.running(data, given, module=module) as server:
                socket = embedded_socket(data / "documents")
                yield cls(server, f"mongodb://{quote(str(socket), safe='')}", "mediaserver", None)
            return
        address, database = urlsplit(EXTERNAL), f"test_{new_id()}"
        host, port = address.hostname, address.port or 27017
        door = Door(lambda: asyncio.open_connection(host, port))
        await door.open()
        there = EXTERNAL.replace(f"{host}:{address.port}", f"127.0.0.1:{door.port}")
        given |= {"mongodb.uri": there, "mongodb.database": database}
        try:
            async with Server.running(data, given, module=module) as server:
                yield cls(server, EXTERNAL, database, door)
        finally:
            await door.shut()
            async with AsyncMongoClient(EXTERNAL) as client:
                await client.drop_database(database)

    async def admin(self, crowd: Crowd) -> Client:
        """Somebody who may do everything."""
        await self.command("create-user", "root", "root@example.org", "--role", "admin", said="root-password")
        root = Client(crowd, "root", 0)
        body = {"login": "root", "password": "root-password"}
        signed_in = (await root.ask("POST", "/auth/login", body, expect=(200,))).body
        root.user, root.token = signed_in["user"], signed_in["accessToken"]
        return root

    async def command(self, *words: str, said: str = "") -> None:
        """The command line, beside the running server."""
        flags = [part for name, value in self.server.settings.items() for part in (f"--{name}", value)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mediaserver", *words, *flags,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate(said.encode())
        assert process.returncode == 0, output.decode()

    # ------------------------------------------------------------------------------------------ outages

    async def lose_documents(self) -> None:
        """The document server dies, and comes back by itself; or the way to it is cut, for a moment."""
        if self._door is None:
            killed = self.server.kill_child(DOCUMENTS)
            back = self.server.children
            await wait_until(lambda: set(back(DOCUMENTS)) - {killed}, 15, "there is a document server again")
        else:
            await self._door.shut()
            await asyncio.sleep(1)
            await self._door.open()

    @contextlib.asynccontextmanager
    async def frozen_documents(self) -> AsyncIterator[None]:
        """Within the block the documents are there, and answer nothing."""
        if self._door is None:
            (pid,) = self.server.children(DOCUMENTS)
            os.kill(pid, signal.SIGSTOP)
            try:
                yield
            finally:
                os.kill(pid, signal.SIGCONT)
        else:
            self._door.hold()
            try:
                yield
            finally:
                self._door.let_go()
