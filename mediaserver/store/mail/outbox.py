"""Mail written to files, for servers without SMTP and for development."""

import asyncio
from pathlib import Path

from mediaserver.base.clock import Clock
from mediaserver.base.errors import StartError, Unavailable
from mediaserver.base.ids import new_id
from mediaserver.base.secrets import private_directory, replace_file
from mediaserver.store.mail.messages import MailMessage, to_email

_KEPT = 1000


class FileOutbox:
    """Writes each message to an `.eml` file that only the server's user can read.

    File names sort by time. Only the newest 1,000 files are kept.
    """

    def __init__(self, directory: Path, sender: str, clock: Clock) -> None:
        self._directory, self._sender, self._clock = directory, sender, clock

    async def deliver(self, mail: MailMessage) -> None:
        content = to_email(mail, self._sender, self._clock()).as_bytes()
        try:
            await asyncio.to_thread(self._write, content)
        except (OSError, StartError) as error:
            raise Unavailable("mail_unavailable", f"the outbox directory is not writable: {error}") from error

    def _write(self, content: bytes) -> None:
        private_directory(self._directory)
        replace_file(self._directory / f"{new_id()}.eml", content)
        for old in sorted(self._directory.glob("*.eml"))[:-_KEPT]:
            old.unlink(missing_ok=True)
