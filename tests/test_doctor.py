"""What the doctor says about a healthy machine, and of each thing that can be wrong."""

import socket
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from mediaserver.base.net.tls import ensure_self_signed
from mediaserver.base.processes.data_directory_lock import lock_data
from mediaserver.base.settings.tree import Settings, load_settings
from mediaserver.cli import main
from mediaserver.doctor import Finding, examine
from mediaserver.domain.uploads.uploads import METADATA_REMOVED, METADATA_STUCK
from mediaserver.store.opening import opened
from tests.store.mail.mailserver import mail_server
from tests.upgrade import fixture


def given(data: Path, **overrides: str) -> Settings:
    named = {name.replace("__", "."): value for name, value in overrides.items()}
    return load_settings(None, {"data.dir": str(data), "http.port": "0", **named}, environ={})


async def found(settings: Settings) -> dict[str, Finding]:
    return {finding.matter: finding async for finding in examine(settings)}


async def problems(settings: Settings) -> dict[str, Finding]:
    return {matter: one for matter, one in (await found(settings)).items() if one.level == "problem"}


async def test_a_healthy_machine_has_no_problem_and_stays_as_it_was(tmp_path: Path) -> None:
    findings = await found(given(tmp_path / "data"))
    assert not [finding.line() for finding in findings.values() if finding.level == "problem"]
    assert set(findings) >= {
        "settings",
        "data",
        "codecs",
        "pictures",
        "SRTP",
        "TLS",
        "media addresses",
        "HTTP",
        "documents",
    }
    assert list(tmp_path.iterdir()) == []


async def test_pictures_of_which_no_thumbnail_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    wrong = await problems(given(tmp_path))
    assert "Pillow" in wrong["pictures"].advice


@pytest.mark.slow
async def test_files_whose_metadata_was_not_removed_are_counted(tmp_path: Path) -> None:
    fixture.unpack(tmp_path)
    settings = given(tmp_path)
    matters = [one async for one in examine(settings) if one.matter == "metadata"]
    assert [(one.level, one.detail) for one in matters] == [
        ("note", f"files from before their metadata was removed: {len(fixture.documents('uploads'))}")
    ]
    assert "mediaserver strip-metadata" in matters[0].advice
    async with opened(settings) as database:
        uploads = database.raw["uploads"]
        await uploads.update_many({}, {"$set": {"metadata": METADATA_REMOVED}})
        assert [one.level async for one in examine(settings) if one.matter == "metadata"] == ["ok"]
        await uploads.update_one({}, {"$set": {"metadata": METADATA_STUCK}})
    (stuck,) = [one async for one in examine(settings) if one.matter == "metadata"]
    assert (stuck.level, stuck.detail.endswith("for their owners only: 1")) == ("note", True)


@pytest.mark.slow
async def test_accounts_with_reserved_names_are_reported(tmp_path: Path) -> None:
    fixture.unpack(tmp_path)
    settings = given(tmp_path)
    noted = (await found(settings))["reserved usernames"]
    assert (noted.level, "(1): 'admin'" in noted.detail) == ("note", True)
    async with opened(settings) as database:
        await database.raw["users"].update_one({"username": "admin"}, {"$set": {"role": "admin"}})
    assert "reserved usernames" not in await found(settings)


async def test_taken_ports_are_named(tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp.bind(("127.0.0.1", 0))
        http, media = str(tcp.getsockname()[1]), str(udp.getsockname()[1])
        wrong = await problems(given(tmp_path, http__port=http, media__port=media, media__ip="127.0.0.1"))
    assert set(wrong) == {"HTTP", "media worker 0"}
    assert http in wrong["HTTP"].detail and media in wrong["media worker 0"].detail


async def test_the_ports_of_a_running_server_are_its_own(tmp_path: Path) -> None:
    with lock_data(tmp_path):
        findings = await found(given(tmp_path))
    assert "a server is running" in findings["ports"].detail
    assert "HTTP" not in findings


async def test_what_does_not_answer_is_named_without_passwords(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{nobody.getsockname()[1]}"
        settings = given(
            tmp_path,
            mongodb__uri=f"mongodb://maria:hidden@{quote(str(tmp_path / 'no.sock'), safe='')}/",
            mongodb__timeout_s="0.2",
            redis__url=f"redis://:hidden@{where}/0",
            objects__backend="s3",
            objects__bucket="media",
            objects__endpoint_url=f"http://{where}",
            objects__access_key="key",
            objects__secret_key="hidden",
        )
        wrong = await problems(settings)
    assert set(wrong) == {"documents", "redis", "objects"}
    assert not any("hidden" in finding.line() for finding in wrong.values())
    assert where in wrong["redis"].detail and where in wrong["objects"].detail
    assert "no.sock" in wrong["documents"].detail


async def test_pages_that_would_get_no_camera_are_a_problem(tmp_path: Path) -> None:
    open_to_all = {"http__host": "0.0.0.0"}
    assert "camera" in (await problems(given(tmp_path, **open_to_all)))["TLS"].detail
    for better in ({"tls__self_signed": "true"}, {"http__public_url": "https://media.example.org"}):
        assert "TLS" not in await problems(given(tmp_path, **open_to_all, **better))


async def test_certificates_are_read(tmp_path: Path) -> None:
    cert, key = ensure_self_signed(tmp_path / "made", ["localhost"])
    fine = await found(given(tmp_path, tls__cert=str(cert), tls__key=str(key)))
    assert fine["TLS"].level == "ok" and "valid until" in fine["TLS"].detail
    wrong = await problems(given(tmp_path, tls__cert=str(key), tls__key=str(key)))
    assert str(key) in wrong["TLS"].detail


async def test_a_data_directory_that_others_may_read_is_told(tmp_path: Path) -> None:
    settings = given(tmp_path)
    settings.data.dir.mkdir(parents=True, exist_ok=True)
    settings.data.dir.chmod(0o755)
    told = [finding async for finding in examine(settings) if finding.matter == "data"]
    assert [finding.level for finding in told] == ["note", "ok"]
    assert "mode 0755" in told[0].detail


async def test_the_mail_server_is_asked(tmp_path: Path) -> None:
    https = {"http__public_url": "https://media.example.org"}
    assert (await found(given(tmp_path)))["mail"].level == "ok"
    assert (await found(given(tmp_path, **https)))["mail"].level == "note"
    async with mail_server() as server:
        smtp = {**https, "mail__backend": "smtp", "mail__host": "127.0.0.1", "mail__port": str(server.port)}
        plain = await found(given(tmp_path, **smtp, mail__tls="none"))
        assert plain["mail"].level == "ok" and str(server.port) in plain["mail"].detail
        secret = {"mail__username": "school", "mail__password": "hidden"}
        wrong = (await problems(given(tmp_path, **smtp, **secret)))["mail"]
        assert "STARTTLS" in wrong.detail and "hidden" not in wrong.line()
    assert "mail" in await problems(given(tmp_path, **smtp, mail__tls="none"))


async def test_too_little_room(tmp_path: Path) -> None:
    wrong = await problems(given(tmp_path, recording__min_free_bytes=str(10**18)))
    assert "recordings do not start" in wrong["data"].advice


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 0), ("0.0.0.0", 1)])
def test_the_exit_status_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], host: str, status: int
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--data.dir", str(tmp_path), "--http.port", "0", "--http.host", host])
    assert ended.value.code == status
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == ("all is well" if status == 0 else "1 problem")
    assert all(line.startswith(("ok ", "note ", "problem ")) for line in lines[:-1])
