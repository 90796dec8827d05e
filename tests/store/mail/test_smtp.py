"""Mail over SMTP, to a real server: over TLS or not at all, and what refusals mean."""

import socket
import ssl
from pathlib import Path

import pytest

from mediaserver.base.clock import utc_now
from mediaserver.base.errors import Unavailable
from mediaserver.base.net.tls import ensure_self_signed
from mediaserver.base.settings.tree import MailSettings
from mediaserver.store.mail import MailMessage, Undeliverable
from mediaserver.store.mail.smtp import SmtpMail
from tests.store.mail.mailserver import ACCOUNT, SECRET, MailServer, mail_server

LINK = "https://media.example.org/#/reset/" + "x" * 90
MESSAGE = MailMessage("ada@example.org", "Ein neues Paßwort", f"Grüße,\n\n{LINK}\n")


def smtp(server: MailServer, **settings: object) -> SmtpMail:
    return SmtpMail(MailSettings(backend="smtp", port=server.port, **settings), utc_now)  # type: ignore[arg-type]


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The server's; clients of this process trust its certificate, as they do one of a private authority."""
    cert, key = ensure_self_signed(tmp_path, ["localhost"])
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


async def test_message_arrives_unchanged() -> None:
    async with mail_server() as server:
        mail = smtp(server, tls="none", sender="Die Schule <post@school.example>")
        await mail.deliver(MESSAGE)
        mail.close()
    ((to, message),) = server.got
    assert to == message["To"] == "ada@example.org"
    assert message["From"] == "Die Schule <post@school.example>"
    assert message["Subject"] == "Ein neues Paßwort"
    assert message.get_content() == MESSAGE.text.replace("\n", "\r\n") or message.get_content() == MESSAGE.text
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@school.example>") and message["Date"]


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "tls"])
async def test_delivery_over_tls_with_credentials(tls: ssl.SSLContext, implicit: bool) -> None:
    async with mail_server(tls, implicit) as server:
        mail = smtp(server, tls="tls" if implicit else "starttls", username=ACCOUNT, password=SECRET)
        await mail.check()
        await mail.deliver(MESSAGE)
        mail.close()
    assert [to for to, _ in server.got] == ["ada@example.org"] and server.secured == [True]


async def test_server_without_tls_receives_neither_password_nor_message() -> None:
    async with mail_server() as server:
        mail = smtp(server, username=ACCOUNT, password=SECRET)
        with pytest.raises(Undeliverable, match="STARTTLS"):
            await mail.deliver(MESSAGE)
        with pytest.raises(Unavailable, match="STARTTLS"):
            await mail.check()
        mail.close()
    assert server.got == []


async def test_untrusted_certificate_is_refused(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with mail_server(tls) as server:
        mail = smtp(server, username=ACCOUNT, password=SECRET)
        with pytest.raises(Unavailable, match="certificate"):
            await mail.deliver(MESSAGE)
        mail.close()
    assert server.got == []


async def test_wrong_mail_password_is_retryable(tls: ssl.SSLContext) -> None:
    async with mail_server(tls) as server:
        mail = smtp(server, username=ACCOUNT, password="wrong")
        with pytest.raises(Unavailable, match="535"):
            await mail.deliver(MESSAGE)
        mail.close()


@pytest.mark.parametrize(
    ("to", "error"), [("nobody@example.org", Undeliverable), ("full@example.org", Unavailable)]
)
async def test_permanent_and_temporary_refusals_are_distinguished(to: str, error: type[Exception]) -> None:
    async with mail_server() as server:
        mail = smtp(server, tls="none")
        with pytest.raises(error, match="mailbox"):
            await mail.deliver(MailMessage(to, "Hello", "Hello"))
        mail.close()


@pytest.mark.parametrize(
    "to", ["a,b@example.org", "<a@example.org>", "a b@example.org", "a@b\r\nBcc: eve@x.org", ""]
)
async def test_invalid_header_address_is_undeliverable(to: str) -> None:
    async with mail_server() as server:
        mail = smtp(server, tls="none")
        with pytest.raises(Undeliverable):
            await mail.deliver(MailMessage(to, "Hello", "Hello"))
        mail.close()
    assert server.got == []


async def test_unreachable_server_is_retryable() -> None:
    async with mail_server() as server:
        pass
    mail = smtp(server, tls="none")
    with pytest.raises(Unavailable, match="refused"):
        await mail.deliver(MESSAGE)
    mail.close()


async def test_silent_server_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediaserver.store.mail.smtp._TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mail = smtp(MailServer(silent.getsockname()[1]), tls="none", host="127.0.0.1")
        with pytest.raises(Unavailable, match="timed out"):
            await mail.deliver(MESSAGE)
        mail.close()
