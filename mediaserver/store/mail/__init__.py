"""Letters to people: a bounded queue, and what carries them: files for a try, SMTP for real."""

from mediaserver.store.mail.letters import Carrier, Letter, Undeliverable
from mediaserver.store.mail.opening import open_mail
from mediaserver.store.mail.queue import Mail

__all__ = ["Carrier", "Letter", "Mail", "Undeliverable", "open_mail"]
