"""An archive is sent only as long as its client reads it: otherwise it would hold one of few places for ever."""

import asyncio
import os
from pathlib import Path

import pytest

from mediaserver.api.accounts.personal_data_routes import endpoints
from mediaserver.base.settings.tree import Uploads
from mediaserver.usecases.uploads import uploads
from tests.api.served import served, signed_in
from tests.store.conftest import engine, shared_server, uri
from tests.usecases.stored_context import add_person, pieces, stored_context

__all__ = ["engine", "shared_server", "uri"]

SIZE = 16 << 20
"""More than sockets and buffers take by themselves."""


async def test_a_client_that_does_not_read_its_archive_loses_it(uri: str, tmp_path: Path) -> None:
    limits = Uploads(slow_grace_s=0.5)
    async with stored_context(uri, tmp_path / "data", uploads=limits) as ctx, served(ctx, *endpoints()) as client:
        ada = await add_person(ctx, "ada")
        await uploads.create(ctx, ada, "noise", pieces(os.urandom(SIZE), 1 << 20))
        path, headers = f"/api/v1/users/{ada.user_id}/export", signed_in(ctx, ada)
        reader, writer = await asyncio.open_connection(client.server.host, client.server.port, limit=1024)
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {headers['Authorization']}\r\n\r\n"
        writer.write(head.encode())
        async with asyncio.timeout(30):
            assert (await reader.readline()).split()[1] == b"200"
            seen = set[int]()
            while 200 not in seen:  # until the place is free
                async with client.get(path, headers=headers) as answer:
                    seen.add(answer.status)
                    await answer.read()
                await asyncio.sleep(0.05)
            assert seen == {429, 200}
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(SIZE)
        writer.close()
