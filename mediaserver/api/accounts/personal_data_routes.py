"""What there is of a person beyond the resource `/users`: all their data as a zip."""

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
    """Hands out archives: one at a time to each who asks, few at once, and only to clients that read them."""

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
    """Send the archive; the connection is cut when that fails, or when the client does not read."""
    await response.prepare(call.request)
    limits, loop = call.context.settings.uploads, asyncio.get_running_loop()
    rate = MinimumRate(limits.min_bytes_per_s, limits.slow_grace_s)
    try:
        async with aclosing(export.export(call.context, call.actor, user)) as pieces:
            async for piece in pieces:
                began_s = loop.time()
                async with asyncio.timeout(rate.patience_s):  # a client that does not read holds a place
                    await response.write(piece)
                rate.received(len(piece), loop.time() - began_s)
                transfer.transferred += len(piece)
        await response.write_eof()
    except BaseException as error:
        # The head is out: the only honest end is a cut connection.
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
