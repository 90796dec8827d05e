"""A letter, the message (RFC 5322) that it becomes, and what carries it."""

from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Protocol

_POLICY = SMTP.clone(max_line_length=998)
"""The longest line that RFC 5322 section 2.1.1 allows, so that no link is broken in two."""


@dataclass(frozen=True, slots=True)
class Letter:
    """Plain text to one person."""

    to: str
    """An email address."""
    subject: str
    text: str


class Undeliverable(Exception):
    """This letter cannot be carried, however often one tries; the message says why."""


class Carrier(Protocol):
    async def carry(self, letter: Letter) -> None:
        """Hand it over. Raises `Unavailable` when it may work later, `Undeliverable` when it never will."""


def message_of(letter: Letter, sender: str, now: datetime) -> EmailMessage:
    """Raises `Undeliverable` for an address that no header can hold."""
    message = EmailMessage(policy=_POLICY)
    try:
        message["From"] = sender
        message["To"] = Address(addr_spec=letter.to)
        message["Subject"] = letter.subject
    except (ValueError, IndexError, MessageError) as error:
        raise Undeliverable(f"the address cannot be written: {error}") from error
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=message["From"].addresses[0].domain or "localhost")
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: holiday notices stay quiet
    message.set_content(letter.text)
    return message
