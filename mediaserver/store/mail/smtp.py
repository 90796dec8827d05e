"""Letters by SMTP (RFC 5321), handed to a server of one's own (submission, RFC 6409): one connection a letter."""

import asyncio
import contextlib
import smtplib
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from mediaserver.base.clock import Clock
from mediaserver.base.errors import Unavailable
from mediaserver.base.settings.tree import MailSettings
from mediaserver.store.mail.letters import Letter, Undeliverable, message_of

_TIMEOUT_S = 10.0
"""For each answer of the server."""
_PERMANENT = 500
"""Replies from here on are final (RFC 5321 section 4.2.1)."""


class SmtpMail:
    """TLS is never given up: a server that cannot do what `mail.tls` says gets neither password nor letter."""

    def __init__(self, settings: MailSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="smtp")  # smtplib waits where it stands

    async def carry(self, letter: Letter) -> None:
        message = message_of(letter, self._settings.sender, self._clock())
        await self._run(lambda smtp: smtp.send_message(message, to_addrs=[letter.to]))

    async def check(self) -> None:
        """Connect, sign in and say goodbye. Raises `Unavailable`."""
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
            ((code, said),) = error.recipients.values()  # each letter has one
            raise _failure(code, said) from error
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            raise _failure(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise Undeliverable(f"the mail server cannot do what this needs: {error}") from error
        except (smtplib.SMTPException, OSError) as error:  # also refused passwords: the operator may mend them
            raise Unavailable("mail_unavailable", f"the mail server does not take letters: {error}") from error

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


def _failure(code: int, said: bytes | str) -> Exception:
    text = f"the mail server says {code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
    return Undeliverable(text) if code >= _PERMANENT else Unavailable("mail_unavailable", text)
