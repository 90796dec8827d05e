"""A real SMTP server (aiosmtpd) that keeps what it gets; letters to some names meet with refusal."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP as POLICY
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

ACCOUNT, SECRET = "school", "mail password"


@dataclass(slots=True)
class MailServer:
    port: int = 0
    got: list[tuple[str, EmailMessage]] = field(default_factory=list)
    """Each letter with the one to whom the envelope is addressed."""
    secured: list[bool] = field(default_factory=list)
    """Whether it came over TLS, from the account."""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        name = address.partition("@")[0]
        if refusal := {"nobody": "550 no such mailbox", "full": "452 mailbox is full"}.get(name):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        message = BytesParser(policy=POLICY).parsebytes(cast(bytes, envelope.content))
        self.got.append((envelope.rcpt_tos[0], cast(EmailMessage, message)))
        assert server.transport is not None
        over_tls = server.transport.get_extra_info("sslcontext") is not None
        self.secured.append(over_tls and bool(session.authenticated))
        return "250 OK"


def _known(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (ACCOUNT.encode(), SECRET.encode())
    return AuthResult(success=good, handled=False)


@contextlib.asynccontextmanager
async def mail_server(tls: ssl.SSLContext | None = None, implicit: bool = False) -> AsyncIterator[MailServer]:
    """With `tls` it takes letters over TLS only (STARTTLS, or from the first byte), from its one account."""
    loop, received = asyncio.get_running_loop(), MailServer()
    options: dict[str, Any] = {"hostname": "localhost", "loop": loop}
    if tls is not None and implicit:  # it does not see the TLS around it
        options |= {"authenticator": _known, "auth_require_tls": False}
    elif tls is not None:
        options |= {
            "authenticator": _known, "auth_required": True, "tls_context": tls, "require_starttls": True
        }  # fmt: skip
    server = await loop.create_server(
        lambda: SMTP(received, **options), "127.0.0.1", 0, ssl=tls if implicit else None
    )
    received.port = server.sockets[0].getsockname()[1]
    try:
        yield received
    finally:
        server.close()
        await server.wait_closed()
