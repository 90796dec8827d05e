"""The queue of letters: nobody waits for it, it tries again, and says what it gives up."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from mediaserver.base.errors import Unavailable
from mediaserver.store.mail import Letter, Mail, Undeliverable

ADA = Letter("ada@example.org", "Hello", "Hello Ada")
EVE = Letter("eve@example.org", "Hello", "Hello Eve")


class Postman:
    """Fails with the given errors first."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.carried: list[Letter] = []
        self.may_go = asyncio.Event()
        self.may_go.set()

    async def carry(self, letter: Letter) -> None:
        await self.may_go.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.carried.append(letter)


@contextlib.asynccontextmanager
async def running(postman: Postman) -> AsyncIterator[Mail]:
    mail = Mail(postman, retry_s=(0.01, 0.02))
    task = asyncio.create_task(mail.run())
    yield mail
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def away() -> Unavailable:
    return Unavailable("mail_unavailable", "the mail server is away")


async def test_letters_are_carried_in_order() -> None:
    postman = Postman()
    async with running(postman) as mail:
        mail.send(ADA)
        mail.send(EVE)
        assert await mail.settle(5)
    assert postman.carried == [ADA, EVE]


async def test_a_letter_is_tried_again_and_holds_up_no_other() -> None:
    postman = Postman(away(), away())
    async with running(postman) as mail:
        mail.send(ADA)
        mail.send(EVE)
        assert await mail.settle(5)
    assert sorted(letter.to for letter in postman.carried) == [ADA.to, EVE.to]


async def test_what_is_given_up_is_logged_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    postman = Postman(away(), away(), away(), Undeliverable("550 no such mailbox"))
    async with running(postman) as mail:
        mail.send(ADA)
        assert await mail.settle(5)
        mail.send(EVE)
        assert await mail.settle(5)
        mail.send(ADA)
        assert await mail.settle(5)
    assert postman.carried == [ADA]
    given_up = [record for record in caplog.records if record.message == "a letter was given up"]
    assert [(r.__dict__["to"], r.__dict__["why"]) for r in given_up] == [
        (ADA.to, "the mail server is away"),
        (EVE.to, "550 no such mailbox"),
    ]
    assert "Hello Ada" not in caplog.text


async def test_a_letter_is_written_when_its_turn_comes_and_perhaps_not_at_all() -> None:
    postman, asked = Postman(away()), 0

    async def make() -> Letter | None:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise Unavailable("store_unavailable", "the database is away")
        return ADA

    async def nothing() -> Letter | None:
        return None

    async with running(postman) as mail:
        mail.send_made(nothing)
        mail.send_made(make)
        assert asked == 0
        assert await mail.settle(5)
    assert postman.carried == [ADA] and asked == 2, "written once, carried at the second try"


async def test_a_mistake_in_one_letter_does_not_end_the_queue(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> Letter | None:
        raise ZeroDivisionError

    postman = Postman()
    async with running(postman) as mail:
        mail.send_made(broken)
        mail.send(ADA)
        assert await mail.settle(5)
    assert postman.carried == [ADA] and "could not be written" in caplog.text


async def test_a_full_queue_drops_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    postman = Postman()
    postman.may_go.clear()
    async with running(postman) as mail:
        for _ in range(1001):
            mail.send(ADA)
        assert caplog.text.count("a letter is lost") == 1
        assert not await mail.settle(0.01)
        postman.may_go.set()
        assert await mail.settle(5)
    assert len(postman.carried) == 1000


async def test_letters_that_the_end_cuts_off_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    postman = Postman(away())
    async with running(postman) as mail:
        mail.send(ADA)
        await asyncio.sleep(0)
    assert "letters were not sent before the end" in caplog.text
