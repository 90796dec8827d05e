"""Mail written to files: complete, private and bounded in number."""

import stat
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from mediaserver.base.clock import utc_now
from mediaserver.base.errors import Unavailable
from mediaserver.store.mail import MailMessage
from mediaserver.store.mail.outbox import FileOutbox

LINK = "https://media.example.org/#/reset/" + "x" * 90
SENDER = "Mediaserver <mediaserver@localhost>"


async def test_message_is_written_to_a_private_file(tmp_path: Path) -> None:
    outbox = FileOutbox(tmp_path / "outbox", SENDER, utc_now)
    await outbox.deliver(MailMessage("ada@example.org", "Hello", f"Here:\n\n{LINK}\n"))
    (file,) = (tmp_path / "outbox").iterdir()
    assert file.suffix == ".eml" and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert LINK in file.read_text(), "the link is not wrapped"
    message = message_from_bytes(file.read_bytes(), policy=default)
    assert (message["To"], message["Subject"], message["From"]) == ("ada@example.org", "Hello", SENDER)


async def test_oldest_files_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediaserver.store.mail.outbox._KEPT", 3)
    outbox = FileOutbox(tmp_path, SENDER, utc_now)
    for n in range(5):
        await outbox.deliver(MailMessage("ada@example.org", f"Message {n}", "Hello"))
    kept = [message_from_bytes(file.read_bytes(), policy=default) for file in sorted(tmp_path.iterdir())]
    assert [message["Subject"] for message in kept] == ["Message 2", "Message 3", "Message 4"]


async def test_unwritable_directory_raises_a_retryable_error(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("in the way")
    with pytest.raises(Unavailable):
        await FileOutbox(tmp_path / "outbox", SENDER, utc_now).deliver(
            MailMessage("ada@example.org", "Hello", "Hello")
        )
