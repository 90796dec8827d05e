from pathlib import Path

import pytest

from mediaserver.base.errors import StartError
from mediaserver.base.settings.tree import load_settings, names


def test_later_sources_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[http]\nport = 1000\nhost = "file"\n[media]\nworkers = 2\n')
    monkeypatch.setenv("MEDIASERVER_HTTP__PORT", "2000")
    monkeypatch.setenv("MEDIASERVER_MEDIA__WORKERS", "3")
    settings = load_settings(file, {"media.workers": "4"})
    assert (settings.http.host, settings.http.port, settings.media.workers) == ("file", 2000, 4)


def test_lists_from_the_environment_and_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIASERVER_HTTP__ALLOWED_ORIGINS", '["https://a.example"]')
    settings = load_settings(None, {"media.announced_ips": "192.0.2.1,192.0.2.2"})
    assert settings.http.allowed_origins == ("https://a.example",)
    assert settings.media.announced_ips == ("192.0.2.1", "192.0.2.2")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[http]\nprot = 1\n", "http.prot"),
        ("[htp]\nport = 1\n", "htp"),
        ('[http]\nport = "x"\n', "http.port"),
        ("[media]\nworkers = 0\n", "media.workers"),
        ("[http\n", "settings.toml"),
        ('[objects]\nbackend = "s3"\n', "objects.bucket"),
        ('[tls]\ncert = "a.pem"\n', "tls.key"),
        ('[mail]\nbackend = "smtp"\n', "http.public_url"),
        ('[mail]\nsender = "Mediaserver"\n', "mail.sender"),
        ('[mail]\nsender = "a@b.c\\r\\nBcc: d@e.f"\n', "mail.sender"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_is_named(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(StartError, match=named):
        load_settings(file)


def test_unknown_names_elsewhere_are_named_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"http\.prot"):
        load_settings(None, {"http.prot": "1"})
    with pytest.raises(StartError, match=r"absent\.toml"):
        load_settings(tmp_path / "absent.toml")
    monkeypatch.setenv("MEDIASERVER_HTTP__PROT", "1")
    with pytest.raises(StartError, match="MEDIASERVER_HTTP__PROT"):
        load_settings()


def test_the_default_file_says_every_setting_with_its_default() -> None:
    shown = load_settings(Path("config/default.toml"), environ={})
    assert shown.model_dump() == load_settings(environ={}).model_dump()
    text = Path("config/default.toml").read_text()
    missing = [name for name in names() if f"{name.split('.')[1]} =" not in text]
    assert missing == []


@pytest.mark.parametrize("domains", ['["school"]', '["*.*.example"]', '["ada@school.example"]', '["*"]', '[""]'])
def test_email_domains_are_domains(tmp_path: Path, domains: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f"[auth]\nemail_domains = {domains}\n")
    with pytest.raises(StartError, match=r"auth\.email_domains\.0: must be a domain such as school\.example"):
        load_settings(file, environ={})


def test_confirmed_addresses_need_a_mail_server() -> None:
    with pytest.raises(StartError, match=r"^auth\.require_verified_email needs mail\.backend smtp: [^.]+$"):
        load_settings(overrides={"auth.require_verified_email": "true"}, environ={})
    smtp = {"mail.backend": "smtp", "http.public_url": "https://media.example.org"}
    assert load_settings(overrides={"auth.require_verified_email": "true", **smtp}, environ={})
