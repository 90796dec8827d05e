"""The queue of letters: whoever sends one neither waits nor fails; `run` carries them, one after another.

It is bounded and lives in memory. A letter that cannot be carried now is tried again for half an hour; one that
is given up, or that finds the queue full, is logged.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from mediaserver.base.errors import Problem
from mediaserver.store.mail.letters import Carrier, Letter, Undeliverable

log = logging.getLogger(__name__)

Make = Callable[[], Awaitable[Letter | None]]

_MOST: Final = 1000
RETRY_S: Final = (2.0, 10.0, 60.0, 300.0, 1500.0)
"""How long each further attempt waits after the one before."""


@dataclass(slots=True)
class _Errand:
    make: Make
    letter: Letter | None = None
    """Once it is written."""
    failures: int = 0


class Mail:
    """`run` must run while letters are to be carried; `settle` waits for those under way."""

    def __init__(
        self, carrier: Carrier, close: Callable[[], None] = lambda: None, retry_s: tuple[float, ...] = RETRY_S
    ) -> None:
        self.close = close
        self._carrier, self._retry_s = carrier, retry_s
        self._due: asyncio.Queue[_Errand] = asyncio.Queue()
        self._waiting: dict[int, asyncio.TimerHandle] = {}
        self._held = 0
        """Errands that are due, under way or waiting for another attempt."""
        self._idle = asyncio.Event()
        self._idle.set()

    def send(self, letter: Letter) -> None:
        async def made() -> Letter:
            return letter

        self.send_made(made)

    def send_made(self, make: Make) -> None:
        """Send what `make` writes when its turn comes; None: nothing. It may run again after an `Unavailable`.

        From how long the caller takes nobody learns whether there is a letter at all.
        """
        if self._held >= _MOST:
            log.error("a letter is lost: too many wait", extra={"waiting": self._held})
            return
        self._held += 1
        self._idle.clear()
        self._due.put_nowait(_Errand(make))

    async def run(self) -> None:
        try:
            while True:
                errand = await self._due.get()
                if await self._attempt(errand):
                    self._finished()
        finally:
            for timer in self._waiting.values():
                timer.cancel()
            if self._held:
                log.warning("letters were not sent before the end", extra={"letters": self._held})

    async def settle(self, timeout_s: float) -> bool:
        """Wait until nothing is held; False when some still is after `timeout_s`."""
        try:
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    async def _attempt(self, errand: _Errand) -> bool:
        """Whether the errand is over, well or not."""
        try:
            errand.letter = errand.letter or await errand.make()
            if errand.letter is not None:
                await self._carrier.carry(errand.letter)
        except Problem as problem:
            return not self._try_later(errand, problem.detail)
        except Undeliverable as error:
            _given_up(errand, str(error))
        except Exception:
            log.exception("a letter could not be written")
        return True

    def _try_later(self, errand: _Errand, why: str) -> bool:
        if errand.failures >= len(self._retry_s):
            _given_up(errand, why)
            return False
        delay_s = self._retry_s[errand.failures]
        errand.failures += 1
        log.info("a letter waits", extra={"why": why, "retry_s": delay_s})

        def due() -> None:
            del self._waiting[id(errand)]
            self._due.put_nowait(errand)

        self._waiting[id(errand)] = asyncio.get_running_loop().call_later(delay_s, due)
        return True

    def _finished(self) -> None:
        self._held -= 1
        if not self._held:
            self._idle.set()


def _given_up(errand: _Errand, why: str) -> None:
    about = {"to": errand.letter.to, "subject": errand.letter.subject} if errand.letter else {}
    log.error("a letter was given up", extra={**about, "why": why})
