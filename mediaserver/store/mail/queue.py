"""The queue of outgoing mail: senders never wait and never see errors; `run` delivers the messages in order.

The queue is bounded and held in memory. A failed delivery is retried for half an hour. Messages that are dropped,
after the last retry or because the queue is full, are logged.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from mediaserver.base.errors import Problem
from mediaserver.store.mail.messages import MailMessage, MailTransport, Undeliverable

log = logging.getLogger(__name__)

Compose = Callable[[], Awaitable[MailMessage | None]]

_MOST: Final = 1000
RETRY_S: Final = (2.0, 10.0, 60.0, 300.0, 1500.0)
"""Delays between delivery attempts, in seconds."""


@dataclass(slots=True)
class _Delivery:
    compose: Compose
    message: MailMessage | None = None
    """Set once the message is composed."""
    failures: int = 0


class Mail:
    """A bounded queue of messages. Run `run` as a task; `drain` waits until the queue is empty."""

    def __init__(
        self,
        transport: MailTransport,
        close: Callable[[], None] = lambda: None,
        retry_s: tuple[float, ...] = RETRY_S,
    ) -> None:
        self.close = close
        self._transport, self._retry_s = transport, retry_s
        self._due: asyncio.Queue[_Delivery] = asyncio.Queue()
        self._waiting: dict[int, asyncio.TimerHandle] = {}
        self._held = 0
        """Deliveries that are queued, in progress or waiting for a retry."""
        self._idle = asyncio.Event()
        self._idle.set()

    def send(self, message: MailMessage) -> None:
        """Queue a message."""

        async def compose() -> MailMessage:
            return message

        self.send_composed(compose)

    def send_composed(self, compose: Compose) -> None:
        """Queue a message that `compose` creates when it is its turn; nothing is sent when it returns None.

        `compose` runs again when it raised `Unavailable`. Because it runs in the background, the response time of
        a request does not reveal whether a message is sent.
        """
        if self._held >= _MOST:
            log.error("a mail message was dropped because the queue is full", extra={"waiting": self._held})
            return
        self._held += 1
        self._idle.clear()
        self._due.put_nowait(_Delivery(compose))

    async def run(self) -> None:
        """Deliver queued messages until canceled."""
        try:
            while True:
                delivery = await self._due.get()
                if await self._attempt(delivery):
                    self._finished()
        finally:
            for timer in self._waiting.values():
                timer.cancel()
            if self._held:
                log.warning("mail messages were not sent before shutdown", extra={"messages": self._held})

    async def drain(self, timeout_s: float) -> bool:
        """Wait until the queue is empty. Return False when it is not after `timeout_s` seconds."""
        try:
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    async def _attempt(self, delivery: _Delivery) -> bool:
        """Try to deliver once; return True when the delivery is done or has failed for good."""
        try:
            delivery.message = delivery.message or await delivery.compose()
            if delivery.message is not None:
                await self._transport.deliver(delivery.message)
        except Problem as problem:
            return not self._schedule_retry(delivery, problem.detail)
        except Undeliverable as error:
            _log_dropped(delivery, str(error))
        except Exception:
            log.exception("a mail message could not be composed")
        return True

    def _schedule_retry(self, delivery: _Delivery, why: str) -> bool:
        if delivery.failures >= len(self._retry_s):
            _log_dropped(delivery, why)
            return False
        delay_s = self._retry_s[delivery.failures]
        delivery.failures += 1
        log.info("mail delivery failed and will be retried", extra={"why": why, "retry_s": delay_s})

        def due() -> None:
            del self._waiting[id(delivery)]
            self._due.put_nowait(delivery)

        self._waiting[id(delivery)] = asyncio.get_running_loop().call_later(delay_s, due)
        return True

    def _finished(self) -> None:
        self._held -= 1
        if not self._held:
            self._idle.set()


def _log_dropped(delivery: _Delivery, why: str) -> None:
    about = {"to": delivery.message.to, "subject": delivery.message.subject} if delivery.message else {}
    log.error("a mail message was dropped", extra={**about, "why": why})
