"""Engine.IO connections on which nobody has signed in: so many at a time, and each for so long.

A connection is here from its coming, or from its client's going, until it is claimed, over, or too late."""

import asyncio
import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

MAX_STRANGERS = 1000
SIGN_IN_S = 10.0


class Doorstep:
    def __init__(self, end: Callable[[str], None]) -> None:
        self._end = end
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self._full = False

    def __len__(self) -> int:
        return len(self._waiting)

    def come(self, connection: str) -> bool:
        """Whether there is room for one more."""
        full = len(self._waiting) >= MAX_STRANGERS
        if full and not self._full:
            log.warning(
                "too many connections are not signed in: more are refused", extra={"limit": MAX_STRANGERS}
            )
        self._full = full
        if not full:
            self.wait(connection)
        return not full

    def wait(self, connection: str) -> None:
        """From now on it has `SIGN_IN_S` to sign in."""
        self.leave(connection)
        later = asyncio.get_running_loop().call_later(SIGN_IN_S, self._too_late, connection)
        self._waiting[connection] = later

    def leave(self, connection: str) -> None:
        """Somebody has signed in on it, or it is over."""
        if timer := self._waiting.pop(connection, None):
            timer.cancel()

    def clear(self) -> None:
        """The server ends."""
        for connection in list(self._waiting):
            self.leave(connection)

    def _too_late(self, connection: str) -> None:
        del self._waiting[connection]
        log.info("a connection on which nobody signed in is closed", extra={"socket": connection})
        self._end(connection)
