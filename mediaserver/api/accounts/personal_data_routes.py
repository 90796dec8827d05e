"""`/users/{id}/export`: download all data of a user as a ZIP archive."""

import asyncio
from contextlib import aclosing
from typing import Final
from urllib.parse import quote

from aiohttp import web

from mediaserver.api.declarations.calls import Call
from mediaserver.api.declarations.endpoint import Endpoint
from mediaserver.api.declarations.operation import Returns
from mediaserver.api.files.transfer_places import Places
from mediaserver.base.errors import Problem, TooMany
from mediaserver.base.limits.fair_places import FairPlaces, PlaceLimits, Transfer
from mediaserver.base.limits.minimum_rate import MinimumRate
from mediaserver.domain.accounts.users import User
from mediaserver.usecases.access import viewer
from mediaserver.usecases.personal_data import export

_PLACES: Final = PlaceLimits(total=8, per_user=1, per_network=4)


class ExportDesk:
    """Serves archives: one at a time per user, few at once, and only to clients that keep reading."""

    def __init__(self) -> None:
        self._places = Places(FairPlaces(_PLACES, "exports"), "export_displaced")

    async def export(self, call: Call) -> web.StreamResponse:
        """Download everything that the server stores about a user as a ZIP archive of JSON documents and files.
        Only the user and admins may do this, one download at a time.
        """
        user = await viewer.find(call.context, call.actor, User, call.id())
        export.require_own(call.actor, user)
        name = f"{user.username}-{call.context.clock():%Y-%m-%d}.zip"
        response = web.StreamResponse(
            headers={
                "Content-Type": "application/zip",
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
                "Cache-Control": "no-store",
            }
        )
        try:
            async with self._places.hold(call) as transfer:
                await _send(call, user, transfer, response)
        except TooMany:
            if not response.prepared:
                raise
        return response


async def _send(call: Call, user: User, transfer: Transfer, response: web.StreamResponse) -> None:
    """Send the archive; close the connection when that fails or the client does not read."""
    await response.prepare(call.request)
    limits, loop = call.context.settings.uploads, asyncio.get_running_loop()
    rate = MinimumRate(limits.min_bytes_per_s, limits.slow_grace_s)
    try:
        async with aclosing(export.export(call.context, call.actor, user)) as chunks:
            async for chunk in chunks:
                began_s = loop.time()
                async with asyncio.timeout(rate.patience_s):  # a client that does not read occupies a slot
                    await response.write(chunk)
                rate.received(len(chunk), loop.time() - began_s)
                transfer.transferred += len(chunk)
        await response.write_eof()
    except BaseException as error:
        # The headers were sent, so closing the connection is the only way to report the error.
        if call.request.transport is not None:
            call.request.transport.abort()
        if not isinstance(error, (Problem, ConnectionError, TimeoutError)):
            raise


def endpoints() -> tuple[Endpoint, ...]:
    return (
        Endpoint(
            "GET",
            "/users/{id}/export",
            "Export all data of a user",
            ExportDesk().export,
            "User",
            returns=Returns(produces="application/zip", errors=(403, 404, 429)),
            name="exportUser",
        ),
    )
