"""Mail over SMTP (RFC 5321), submitted to the configured server (RFC 6409) with one connection per message."""

import asyncio
import contextlib
import smtplib
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from mediaserver.base.clock import Clock
from mediaserver.base.errors import Unavailable
from mediaserver.base.settings.tree import MailSettings
from mediaserver.store.mail.messages import MailMessage, Undeliverable, to_email

_TIMEOUT_S = 10.0
"""Timeout for each reply of the mail server."""
_PERMANENT = 500
"""Reply codes from 500 on are permanent failures (RFC 5321 section 4.2.1)."""


class SmtpMail:
    """Delivers mail over SMTP.

    There is no fallback to plain text: a server that does not support the configured `mail.tls` mode receives
    neither the password nor any message.
    """

    def __init__(self, settings: MailSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="smtp")  # smtplib is blocking

    async def deliver(self, mail: MailMessage) -> None:
        message = to_email(mail, self._settings.sender, self._clock())
        await self._run(lambda smtp: smtp.send_message(message, to_addrs=[mail.to]))

    async def check(self) -> None:
        """Check that the server accepts a connection and the credentials. Raises: Unavailable."""
        try:
            await self._run(lambda smtp: smtp.noop())
        except Undeliverable as error:
            raise Unavailable("mail_unavailable", str(error)) from error

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[smtplib.SMTP], object]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._converse, work)

    def _converse(self, work: Callable[[smtplib.SMTP], object]) -> None:
        try:
            with self._connected() as smtp:
                work(smtp)
        except smtplib.SMTPRecipientsRefused as error:
            ((code, reply),) = error.recipients.values()  # each message has one recipient
            raise _failure(code, reply) from error
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            raise _failure(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise Undeliverable(f"the mail server does not support a required extension: {error}") from error
        except (
            smtplib.SMTPException,
            OSError,
        ) as error:
            # Refused credentials are included: the operator can fix these.
            raise Unavailable("mail_unavailable", f"the mail server is unavailable: {error}") from error

    @contextlib.contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        s, tls = self._settings, ssl.create_default_context()
        smtp = (
            smtplib.SMTP_SSL(s.host, s.port, timeout=_TIMEOUT_S, context=tls)
            if s.tls == "tls"
            else smtplib.SMTP(s.host, s.port, timeout=_TIMEOUT_S)
        )
        with smtp:
            if s.tls == "starttls":
                smtp.starttls(context=tls)
            if s.username:
                smtp.login(s.username, s.password)
            yield smtp


def _failure(code: int, reply: bytes | str) -> Exception:
    text = (
        f"the mail server replied {code} {reply.decode(errors='replace') if isinstance(reply, bytes) else reply}"
    )
    return Undeliverable(text) if code >= _PERMANENT else Unavailable("mail_unavailable", text)
