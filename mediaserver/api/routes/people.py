"""What there is of a person beyond the resource `/users`: all their data as a zip."""

from collections import Counter
from contextlib import aclosing
from urllib.parse import quote

from aiohttp import web

from mediaserver.api.endpoint import Call, Endpoint
from mediaserver.base.errors import Problem, TooMany, Unavailable
from mediaserver.domain.users import User
from mediaserver.usecases import export, viewing

_AT_ONCE = 4


class ExportDesk:
    """Hands out archives, one at a time to each who asks and few at once."""

    def __init__(self) -> None:
        self._under_way: Counter[str] = Counter()

    async def export(self, call: Call) -> web.StreamResponse:
        user = await viewing.find(call.context, call.actor, User, call.id())
        export.require_own(call.actor, user)
        who = call.actor.user_id
        if self._under_way[who]:
            raise TooMany("too_many_exports", "one archive at a time", 10.0)
        if self._under_way.total() >= _AT_ONCE:
            raise Unavailable("busy", "the server makes as many archives as it can; try again in a moment", 10.0)
        self._under_way[who] += 1
        try:
            return await _send(call, user)
        finally:
            del self._under_way[who]


async def _send(call: Call, user: User) -> web.StreamResponse:
    name = f"{user.username}-{call.context.clock():%Y-%m-%d}.zip"
    response = web.StreamResponse(
        headers={
            "Content-Type": "application/zip",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
            "Cache-Control": "no-store",
        }
    )
    await response.prepare(call.request)
    try:
        async with aclosing(export.export(call.context, call.actor, user)) as pieces:
            async for piece in pieces:
                await response.write(piece)
        await response.write_eof()
    except BaseException as error:
        # The head is out: the only honest end is a cut connection.
        if call.request.transport is not None:
            call.request.transport.abort()
        if not isinstance(error, (Problem, ConnectionError)):
            raise
    return response


def endpoints() -> tuple[Endpoint, ...]:
    return (
        Endpoint(
            "GET", "/users/{id}/export", "Everything that the server keeps of a person, as a zip",
            ExportDesk().export, "User", produces="application/zip", errors=(403, 404, 429),
        ),
    )  # fmt: skip
