"""Create the mail queue with the transport that the settings select."""

from pathlib import Path

from mediaserver.base.clock import Clock, utc_now
from mediaserver.base.settings.tree import MailSettings
from mediaserver.store.mail.outbox import FileOutbox
from mediaserver.store.mail.queue import Mail
from mediaserver.store.mail.smtp import SmtpMail


def open_mail(settings: MailSettings, data_dir: Path, clock: Clock = utc_now) -> Mail:
    """Return the mail queue for `settings`. The caller must call its `close`.

    No connection is made here, so the server starts even while the mail server is unreachable.
    """
    if settings.backend == "smtp":
        smtp = SmtpMail(settings, clock)
        return Mail(smtp, smtp.close)
    return Mail(FileOutbox(data_dir / "outbox", settings.sender, clock))
