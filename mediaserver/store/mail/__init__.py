"""Mail to users: a bounded queue and the transports that deliver it, SMTP or files in a directory."""

from mediaserver.store.mail.messages import MailMessage, MailTransport, Undeliverable
from mediaserver.store.mail.opening import open_mail
from mediaserver.store.mail.queue import Mail

__all__ = ["Mail", "MailMessage", "MailTransport", "Undeliverable", "open_mail"]
