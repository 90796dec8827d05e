"""Places for long transfers over HTTP: `FairPlaces` decides who has one; here those who lose theirs are ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mediaserver.api.declarations.calls import Call
from mediaserver.base.errors import TooMany, TooSlow
from mediaserver.base.limits.fair_places import FairPlaces, Transfer
from mediaserver.base.net.networks import client_network


class Places:
    """The places for one kind of transfers. Belongs to one event loop."""

    def __init__(self, places: FairPlaces, displaced_code: str) -> None:
        self._places, self._displaced_code = places, displaced_code
        self._deadlines: dict[Transfer, asyncio.Timeout] = {}

    @asynccontextmanager
    async def hold(self, call: Call, max_duration_s: float | None = None) -> AsyncIterator[Transfer]:
        """Hold a place for the caller as long as the block runs.

        The block is cancelled when its time is over, or when its place is given to somebody else. Raises TooMany,
        Unavailable `busy`, TooSlow.
        """
        transfer = Transfer(call.actor.user_id, client_network(call.address))
        displaced = self._places.admit(transfer)
        if displaced is not None:
            self._end(displaced)
        try:
            async with asyncio.timeout(max_duration_s) as deadline:
                self._deadlines[transfer] = deadline
                try:
                    yield transfer
                finally:
                    del self._deadlines[transfer]
        except TimeoutError:
            if transfer.displaced:
                detail = (
                    "You had the most transfers under way, and somebody else needed a place. Try again later."
                )
                raise TooMany(self._displaced_code, detail, 10.0) from None
            if deadline.expired():
                detail = f"It may take {max_duration_s:g} seconds at most. Try a faster connection."
                raise TooSlow("too_slow", detail) from None
            raise
        finally:
            self._places.leave(transfer)

    def _end(self, displaced: Transfer) -> None:
        deadline = self._deadlines.get(displaced)
        if deadline is not None and not deadline.expired():
            deadline.reschedule(asyncio.get_running_loop().time())
