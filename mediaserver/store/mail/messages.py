"""Mail messages, their RFC 5322 form, and the interface of the transports that deliver them."""

from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Protocol

_POLICY = SMTP.clone(max_line_length=998)
"""The longest line that RFC 5322 section 2.1.1 allows, so that links are not wrapped."""


@dataclass(frozen=True, slots=True)
class MailMessage:
    """A plain-text message to one recipient."""

    to: str
    """The recipient's email address."""
    subject: str
    text: str


class Undeliverable(Exception):
    """The message can never be delivered, so retrying is useless. The exception text says why."""


class MailTransport(Protocol):
    """Delivers messages, for example over SMTP."""

    async def deliver(self, mail: MailMessage) -> None:
        """Deliver one message. Raises: Unavailable when a retry may succeed; Undeliverable otherwise."""


def to_email(mail: MailMessage, sender: str, now: datetime) -> EmailMessage:
    """Return `mail` in RFC 5322 form. Raises: Undeliverable when the address is not valid in a header."""
    message = EmailMessage(policy=_POLICY)
    try:
        message["From"] = sender
        message["To"] = Address(addr_spec=mail.to)
        message["Subject"] = mail.subject
    except (ValueError, IndexError, MessageError) as error:
        raise Undeliverable(f"the address is not valid in a mail header: {error}") from error
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=message["From"].addresses[0].domain or "localhost")
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: prevents automatic replies such as vacation notices
    message.set_content(mail.text)
    return message
