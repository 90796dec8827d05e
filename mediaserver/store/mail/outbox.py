"""Letters as files: for servers that send no mail, and to see what would be sent."""

import asyncio
from pathlib import Path

from mediaserver.base.clock import Clock
from mediaserver.base.errors import StartError, Unavailable
from mediaserver.base.ids import new_id
from mediaserver.base.secrets import private_directory, replace_file
from mediaserver.store.mail.letters import Letter, message_of

_KEPT = 1000


class FileOutbox:
    """One `.eml` a letter, readable by the server's user alone; the names grow, the oldest beyond 1,000 go."""

    def __init__(self, directory: Path, sender: str, clock: Clock) -> None:
        self._directory, self._sender, self._clock = directory, sender, clock

    async def carry(self, letter: Letter) -> None:
        content = message_of(letter, self._sender, self._clock()).as_bytes()
        try:
            await asyncio.to_thread(self._write, content)
        except (OSError, StartError) as error:
            raise Unavailable("mail_unavailable", f"the outbox cannot be written: {error}") from error

    def _write(self, content: bytes) -> None:
        private_directory(self._directory)
        replace_file(self._directory / f"{new_id()}.eml", content)
        for old in sorted(self._directory.glob("*.eml"))[:-_KEPT]:
            old.unlink(missing_ok=True)
