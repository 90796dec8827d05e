"""The mail queue: delivery in order, retries, and logging of dropped messages."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from mediaserver.base.errors import Unavailable
from mediaserver.store.mail import Mail, MailMessage, Undeliverable

ADA = MailMessage("ada@example.org", "Hello", "Hello Ada")
EVE = MailMessage("eve@example.org", "Hello", "Hello Eve")


class FakeTransport:
    """Raises the given errors first, then delivers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.delivered: list[MailMessage] = []
        self.may_deliver = asyncio.Event()
        self.may_deliver.set()

    async def deliver(self, message: MailMessage) -> None:
        await self.may_deliver.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.delivered.append(message)


@contextlib.asynccontextmanager
async def running(transport: FakeTransport) -> AsyncIterator[Mail]:
    mail = Mail(transport, retry_s=(0.01, 0.02))
    task = asyncio.create_task(mail.run())
    yield mail
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def away() -> Unavailable:
    return Unavailable("mail_unavailable", "the mail server is away")


async def test_messages_are_delivered_in_order() -> None:
    transport = FakeTransport()
    async with running(transport) as mail:
        mail.send(ADA)
        mail.send(EVE)
        assert await mail.drain(5)
    assert transport.delivered == [ADA, EVE]


async def test_failed_delivery_is_retried_without_delaying_others() -> None:
    transport = FakeTransport(away(), away())
    async with running(transport) as mail:
        mail.send(ADA)
        mail.send(EVE)
        assert await mail.drain(5)
    assert sorted(message.to for message in transport.delivered) == [ADA.to, EVE.to]


async def test_dropped_messages_are_logged_without_their_text(caplog: pytest.LogCaptureFixture) -> None:
    transport = FakeTransport(away(), away(), away(), Undeliverable("550 no such mailbox"))
    async with running(transport) as mail:
        mail.send(ADA)
        assert await mail.drain(5)
        mail.send(EVE)
        assert await mail.drain(5)
        mail.send(ADA)
        assert await mail.drain(5)
    assert transport.delivered == [ADA]
    dropped = [record for record in caplog.records if record.message == "a mail message was dropped"]
    assert [(r.__dict__["to"], r.__dict__["why"]) for r in dropped] == [
        (ADA.to, "the mail server is away"),
        (EVE.to, "550 no such mailbox"),
    ]
    assert "Hello Ada" not in caplog.text


async def test_composed_message_is_created_in_its_turn_and_may_be_skipped() -> None:
    transport, asked = FakeTransport(away()), 0

    async def compose() -> MailMessage | None:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise Unavailable("store_unavailable", "the database is away")
        return ADA

    async def nothing() -> MailMessage | None:
        return None

    async with running(transport) as mail:
        mail.send_composed(nothing)
        mail.send_composed(compose)
        assert asked == 0
        assert await mail.drain(5)
    assert transport.delivered == [ADA] and asked == 2, "composed once, delivered on the second attempt"


async def test_error_while_composing_does_not_stop_the_queue(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> MailMessage | None:
        raise ZeroDivisionError

    transport = FakeTransport()
    async with running(transport) as mail:
        mail.send_composed(broken)
        mail.send(ADA)
        assert await mail.drain(5)
    assert transport.delivered == [ADA] and "could not be composed" in caplog.text


async def test_full_queue_drops_messages_and_logs_it(caplog: pytest.LogCaptureFixture) -> None:
    transport = FakeTransport()
    transport.may_deliver.clear()
    async with running(transport) as mail:
        for _ in range(1001):
            mail.send(ADA)
        assert caplog.text.count("a mail message was dropped because the queue is full") == 1
        assert not await mail.drain(0.01)
        transport.may_deliver.set()
        assert await mail.drain(5)
    assert len(transport.delivered) == 1000


async def test_unsent_messages_are_logged_at_shutdown(caplog: pytest.LogCaptureFixture) -> None:
    transport = FakeTransport(away())
    async with running(transport) as mail:
        mail.send(ADA)
        await asyncio.sleep(0)
    assert "mail messages were not sent before shutdown" in caplog.text
