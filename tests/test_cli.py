"""What the commands print and how they end."""

import subprocess
import sys
from pathlib import Path

import pytest

from mediaserver.cli import main


def test_settings_are_listed_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    given = {
        "mongodb.uri": "mongodb://maria:hidden@db:27017/?authSource=admin",
        "redis.url": "redis://:hidden@cache:6379/0",
        "objects.secret_key": "hidden",
        "media.turn_secret": "hidden",
    }
    with pytest.raises(SystemExit) as ended:
        main(["settings", *(word for name, value in given.items() for word in (f"--{name}", value))])
    assert not ended.value.code
    out = capsys.readouterr().out
    assert "hidden" not in out
    for shown in (
        "mongodb://maria:***@db:27017/?authSource=admin",
        "redis://:***@cache:6379/0",
        "'***'",
        "http.port = 8080",
    ):
        assert shown in out


def test_a_reader_that_has_enough_gets_no_traceback() -> None:
    command = [sys.executable, "-m", "mediaserver", "openapi"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize("words", [["serve", "--http.prot", "1"], ["settings", "--config", "absent.toml"]])
def test_a_wrong_setting_is_one_sentence_and_status_1(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert str(ended.value.code).startswith("mediaserver: there is no setting")


def test_uploads_and_their_objects_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stray = tmp_path / "objects" / "uploads" / "1" / "a.png"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"x")
    statuses = []
    for words in ([], ["--delete"], []):
        with pytest.raises(SystemExit) as ended:
            main(["check-uploads", "--data.dir", str(tmp_path), *words])
        statuses.append(ended.value.code)
    assert statuses == [1, 0, 0]
    assert capsys.readouterr().out.splitlines() == [
        "stray: uploads/1/a.png",
        "1 to look after",
        "deleted: uploads/1/a.png",
        "all uploads are whole",
        "all uploads are whole",
    ]
