"""Letters as files: whole, private, and not without end."""

import stat
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from mediaserver.base.clock import utc_now
from mediaserver.base.errors import Unavailable
from mediaserver.store.mail import Letter
from mediaserver.store.mail.outbox import FileOutbox

LINK = "https://media.example.org/#/reset/" + "x" * 90
SENDER = "Mediaserver <mediaserver@localhost>"


async def test_a_letter_is_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    outbox = FileOutbox(tmp_path / "outbox", SENDER, utc_now)
    await outbox.carry(Letter("ada@example.org", "Hello", f"Here:\n\n{LINK}\n"))
    (file,) = (tmp_path / "outbox").iterdir()
    assert file.suffix == ".eml" and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert LINK in file.read_text(), "nobody has to put the link together"
    message = message_from_bytes(file.read_bytes(), policy=default)
    assert (message["To"], message["Subject"], message["From"]) == ("ada@example.org", "Hello", SENDER)


async def test_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediaserver.store.mail.outbox._KEPT", 3)
    outbox = FileOutbox(tmp_path, SENDER, utc_now)
    for n in range(5):
        await outbox.carry(Letter("ada@example.org", f"Letter {n}", "Hello"))
    kept = [message_from_bytes(file.read_bytes(), policy=default) for file in sorted(tmp_path.iterdir())]
    assert [message["Subject"] for message in kept] == ["Letter 2", "Letter 3", "Letter 4"]


async def test_a_directory_that_cannot_be_written_is_a_reason_to_try_again(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("in the way")
    with pytest.raises(Unavailable):
        await FileOutbox(tmp_path / "outbox", SENDER, utc_now).carry(Letter("ada@example.org", "Hello", "Hello"))
